import { defineConfig } from 'vitest/config'

/** Fast tests need neither Docker nor PostgreSQL; the others say by their folder what they need. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{docker,database,e2e}/**'],
          // Some drive real git, which takes its time on a busy machine.
          testTimeout: 30_000,
          // The default leaves one processor idle, which is half of a small machine.
          maxWorkers: '100%',
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'database',
          include: ['test/database/**/*.test.ts'],
          globalSetup: 'test/support/postgres-setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'docker',
          include: ['test/docker/**/*.test.ts'],
          globalSetup: 'test/support/docker-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          // The engine and the machine are real, and sometimes late. What needed it is named at the end of `npm test`.
          retry: 1,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/support/docker-setup.ts',
          testTimeout: 240_000,
          hookTimeout: 240_000,
          // Each has a server, an installation and folders of its own, and much of its time is waiting.
          maxWorkers: 2,
          retry: 1,
        },
      },
    ],
  },
})
