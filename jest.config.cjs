/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // Programs and benches import the package by its name; under test that is the source.
  moduleNameMapper: { '^nofault$': '<rootDir>/src/index.ts' },
  transform: {
    '\\.ts$': [
      'ts-jest',
      // 151002 asks for isolatedModules, with which ts-jest checks no types.
      { tsconfig: '<rootDir>/tsconfig.test.json', diagnostics: { ignoreCodes: [151002] } },
    ],
  },
  collectCoverageFrom: ['src/**/*.ts'],
  // Two cores are common on build machines, and many tests wait for the disk rather than compute.
  maxWorkers: 2,
  testTimeout: 60_000,
};
