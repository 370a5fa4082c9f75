/** The choice of a device, without a browser: adapters of every kind. */
import { chooseDevice } from '../package/src/device.ts';
import { expect, test } from './fixtures.ts';

function gpu(adapter: { features: string[] } | null): GPU {
  const made = adapter && { features: new Set(adapter.features), info: { vendor: 'acme', architecture: 'one' } };
  return { requestAdapter: async () => made } as unknown as GPU;
}

test('WebGPU needs an adapter with timestamp-query', async () => {
  expect(await chooseDevice('auto', gpu({ features: ['timestamp-query'] }))).toEqual({
    device: 'webgpu',
    label: 'WebGPU · acme one',
    note: '',
  });
  for (const [offered, note] of [
    [undefined, /no WebGPU/],
    [gpu(null), /no graphics adapter/],
    [gpu({ features: [] }), /timestamp-query/],
  ] as const) {
    for (const preference of ['auto', 'webgpu'] as const) {
      const choice = await chooseDevice(preference, offered);
      expect(choice.device).toBe('cpu');
      expect(choice.note).toMatch(note);
    }
  }
});

test('the CPU is taken when it is asked for', async () => {
  const choice = await chooseDevice('cpu', gpu({ features: ['timestamp-query'] }));
  expect(choice).toEqual({ device: 'cpu', label: 'CPU', note: '' });
});
