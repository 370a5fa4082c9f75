/**
 * Shape of the wasm engine that `web/engine` is built to. The generated declarations take precedence once they
 * exist; this file lets the page be type-checked before.
 */
declare module '*/dalnet_web.js' {
  export class Engine {
    static load(manifest: string, weights: Uint8Array, device: string): Promise<Engine>;
    segment(rgba: Uint8Array, width: number, height: number, options: unknown): Promise<unknown>;
    ask(options: unknown): Promise<unknown>;
    heat(label: number, map: unknown): unknown;
    similarity(): unknown;
    readonly maps: string[];
    readonly device: string;
    free(): void;
  }
  export default function init(input: { module_or_path: Response | Promise<Response> }): Promise<unknown>;
}

/** Size of the uncompressed wasm file, set by the build. */
declare const ENGINE_BYTES: number;
