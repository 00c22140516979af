import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import setupPostgres from './postgres-setup.ts'

declare module 'vitest' {
  interface ProvidedContext {
    baseImage: string
  }
}

/** What tests with real sandboxes need: the base image's tag and a PostgreSQL. */
export default async function setup(project: TestProject) {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/image.mjs', 'tag', 'base'])
  project.provide('baseImage', stdout.trim())
  return setupPostgres(project)
}
