import type { Device, DevicePreference } from './types.ts';

/** The device that will be used, its name for the page, and why if it is not the one hoped for. */
export interface DeviceChoice {
  readonly device: Device;
  readonly label: string;
  readonly note: string;
}

/**
 * Chooses the device before the engine loads. The GPU library inside the engine aborts, rather than fails, on an
 * adapter without `timestamp-query`; so that is asked here, where the answer can still be the CPU.
 */
export async function chooseDevice(preference: DevicePreference, gpu: GPU | undefined): Promise<DeviceChoice> {
  if (preference === 'cpu') return cpu('');
  if (!gpu) return cpu('this browser offers no WebGPU');
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    return cpu(`WebGPU gave an error (${String(error)})`);
  }
  if (!adapter) return cpu('WebGPU found no graphics adapter');
  if (!adapter.features.has('timestamp-query')) return cpu('the graphics adapter lacks “timestamp-query”');
  return { device: 'webgpu', label: `WebGPU${nameOf(adapter.info)}`, note: '' };
}

function cpu(note: string): DeviceChoice {
  return { device: 'cpu', label: 'CPU', note };
}

function nameOf(info: GPUAdapterInfo): string {
  const name = [info.vendor, info.architecture].filter(Boolean).join(' ');
  return name ? ` · ${name}` : '';
}
