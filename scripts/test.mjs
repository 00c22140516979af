// `npm test`: the gate, then every test. With words after `--`, only the test files whose names hold one of them.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const words = process.argv.slice(2)

run(join(ROOT, 'scripts', 'setup'), [])
if (words.length === 0) {
  npx('tsc', ['--noEmit'])
  npx('eslint', ['.'])
  npx('prettier', ['--check', '--log-level', 'warn', '.'])
}
run(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])
npx('vitest', ['run', ...words])

function npx(program, args) {
  run(join(ROOT, 'node_modules', '.bin', program), args)
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' })
  if (error) process.stderr.write(`Cannot run ${command}: ${error.message}\n`)
  if (status !== 0) process.exit(status ?? 1)
}
