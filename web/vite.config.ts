import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Relative addresses: the page is served below a token, or from any folder of a web host.  No inline styles or scripts:
// the server's Content-Security-Policy refuses them.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 400 },
  test: { include: ['tests-unit/**/*.test.ts'], testTransformMode: { web: ['**/*.test.ts'] }, testTimeout: 1800000, hookTimeout: 1800000 },
} as Parameters<typeof defineConfig>[0]);
