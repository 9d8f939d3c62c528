import base from '../jest.config.mjs';

export default {
  ...base,
  rootDir: '..',
  testMatch: ['<rootDir>/e2e/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // One after the other: they share a node.
  maxWorkers: 1,
  testTimeout: 15 * 60_000,
  reporters: ['default', '<rootDir>/e2e/scenario-reporter.mjs', '<rootDir>/scripts/count-reporter.mjs'],
};
