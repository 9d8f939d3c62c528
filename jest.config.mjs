/** Tests that take minutes are for `make test-long`. */
const isLong = process.env.ETHERPLY_LONG_TESTS === 'true';

export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/*/test/**/*.test.ts'],
  // Those of e2e take a Kubernetes: `make e2e`.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/e2e/', ...(isLong ? [] : ['\\.long\\.test\\.ts$'])],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  moduleNameMapper: {
    '^@etherply/protocol$': '<rootDir>/protocol/src/index.ts',
    '^@etherply/stream$': '<rootDir>/stream/src/index.ts',
    '^@etherply/client$': '<rootDir>/client/src/index.ts',
  },
  reporters: ['default', 'summary', '<rootDir>/scripts/count-reporter.mjs'],
  // A bound for what hangs, far above what a slow machine with much else to do takes.
  testTimeout: 180_000,
  maxWorkers: 2,
};
