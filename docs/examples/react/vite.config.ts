import { defineConfig } from 'vite';
import wasm from 'vite-plugin-wasm';

export default defineConfig({
  plugins: [wasm()], // Automerge is WebAssembly
  build: { target: 'esnext' }, // which it waits for at the top level
});
