import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import setupPostgres from './postgres-setup.ts'

declare module 'vitest' {
  interface ProvidedContext {
    baseImage: string
  }
}

const run = promisify(execFile)

/** What tests with real sandboxes need: our images, built beforehand since no test has that much time, and a PostgreSQL. */
export default async function setup(project: TestProject) {
  await run(process.execPath, ['scripts/image.mjs', 'build', 'base', 'universal', 'gateway'])
  const { stdout } = await run(process.execPath, ['scripts/image.mjs', 'tag', 'base'])
  project.provide('baseImage', stdout.trim())
  return setupPostgres(project)
}
