import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

/** Tests use real stores, files and processes: each file in a process of its own, none with a tight clock. */
export default defineConfig({
  resolve: {
    // One copy of GraphQL: without this tests would load its ES modules and packages its CommonJS.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/seeded.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: process.env['CI']
      ? ['default', ['json', { outputFile: '.cache/test-results.json' }]]
      : ['default'],
  },
});
