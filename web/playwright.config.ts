import { defineConfig } from '@playwright/test';

/** Any Chromium will do; without the variable, the one that Debian installs. */
const executablePath = process.env.DALNET_CHROME || '/usr/bin/chromium';

const ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const MINUTE = 60_000;

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  // The engine fills a processor core by itself.
  workers: 1,
  timeout: 4 * MINUTE,
  expect: { timeout: 2 * MINUTE },
  reporter: [['list']],
  forbidOnly: Boolean(process.env.CI),
  webServer: {
    command: 'node tests/serve.mjs',
    env: { PORT: '4173' },
    url: 'http://localhost:4173/some/folder/',
    reuseExistingServer: false,
  },
  use: {
    baseURL: 'http://localhost:4173/some/folder/',
    viewport: { width: 1280, height: 860 },
    // It would copy the whole site in every test; those of it allow it.
    serviceWorkers: 'block',
  },
  projects: [
    // Without the flag Chromium finds no adapter here: the path of a browser without WebGPU.
    { name: 'cpu', testIgnore: 'webgpu.spec.ts', use: { launchOptions: { executablePath, args: ARGS } } },
    {
      name: 'webgpu',
      testMatch: 'webgpu.spec.ts',
      // The software adapter needs minutes for what a graphics card does at once.
      timeout: 15 * MINUTE,
      expect: { timeout: 12 * MINUTE },
      use: {
        launchOptions: {
          executablePath,
          args: [...ARGS, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
        },
      },
    },
  ],
});
