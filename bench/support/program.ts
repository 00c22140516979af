import { fileURLToPath } from 'node:url'
import { DrydockError } from '../../domain/errors.ts'
import type { BenchOptions } from './options.ts'
import { progress } from './report.ts'

/** Runs a benchmark when its file is the program that was started; does nothing when it was imported. */
export async function runAsProgram(module: string, run: (options: BenchOptions) => Promise<number>): Promise<void> {
  if (process.argv[1] !== fileURLToPath(module)) return
  const args = process.argv.slice(2)
  try {
    process.exitCode = await run({ json: args.includes('--json'), args: args.filter((word) => word !== '--json') })
  } catch (error) {
    if (!(error instanceof DrydockError)) throw error
    progress(`drydock: ${error.message}`)
    process.exitCode = error.code === 'config-invalid' ? 2 : 1
  }
}
