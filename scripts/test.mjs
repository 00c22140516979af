// `npm test`: the gate, then the tests. With words after `--`, only the test files whose names hold one of them.
// `npm run test:long` leaves nothing out: test/support/long.ts says what else does.
// Projects run one after the other: what drives whole servers is slow enough without others beside it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const PROJECTS = ['unit', 'database', 'docker', 'e2e']
/** The engine and the machine are real, and sometimes late: files that fail there are tried once more, alone. */
const REAL_MACHINE = ['docker', 'e2e']
/** More than these are no accident. */
const MOST_TRIED_ALONE = 3
const words = process.argv.slice(2).filter((word) => word !== '--long')
if (process.argv.includes('--long')) process.env.DRYDOCK_TEST = 'long'

must(join(ROOT, 'scripts', 'setup'), [])
if (words.length === 0) {
  must(bin('tsc'), ['--noEmit'])
  must(bin('eslint'), ['.'])
  must(bin('prettier'), ['--check', '--log-level', 'warn', '.'])
}
must(process.execPath, [join(ROOT, 'scripts', 'build.mjs')])

const folder = mkdtempSync(join(tmpdir(), 'drydock-test-report-'))
const total = { passed: 0, failed: 0, skipped: 0, broken: [], names: [], retried: [] }
for (const project of PROJECTS) addResult(project)
rmSync(folder, { recursive: true })

const { passed, failed, skipped, broken, names, retried } = total
for (const name of retried) process.stdout.write(`Tried again: ${name}\n`)
for (const name of names) process.stdout.write(`Failed: ${name}\n`)
if (broken.length > 0) process.stdout.write(`Not passed: ${broken.join(', ')}\n`)
process.stdout.write(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exit(broken.length === 0 && passed > 0 ? 0 : 1)

/** Runs one project. What fails outside a test (a set-up, an unhandled error) has no count, but breaks the run. */
function addResult(project) {
  let { status, files } = runProject(project, words)
  const failing = files.filter((file) => file.status === 'failed')
  if (REAL_MACHINE.includes(project) && failing.length > 0 && failing.length <= MOST_TRIED_ALONE) {
    // Whoever reads the end of a run sees what failed beside others, also when it passes alone.
    total.retried.push(...failing.flatMap((file) => failuresOf(project, file)))
    const alone = failing.map((file) => runProject(project, [relative(ROOT, file.name)]))
    status = alone.every((one) => one.status === 0) ? 0 : 1
    files = [...files.filter((file) => !failing.includes(file)), ...alone.flatMap((one) => one.files)]
  }
  if (status !== 0 || (files.length === 0 && words.length === 0)) total.broken.push(project)
  const tests = files.flatMap((file) => file.assertionResults)
  total.passed += tests.filter((test) => test.status === 'passed').length
  total.failed += tests.filter((test) => test.status === 'failed').length
  total.skipped += tests.filter((test) => !['passed', 'failed'].includes(test.status)).length
  total.names.push(...files.flatMap((file) => failuresOf(project, file)))
  total.retried.push(...files.flatMap((file) => retriedOf(project, file)))
}

function runProject(project, filters) {
  const report = join(folder, 'report.json')
  rmSync(report, { force: true })
  const flags = ['--passWithNoTests', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const status = run(bin('vitest'), ['run', '--project', project, ...flags, ...filters])
  if (!existsSync(report)) return { status: status || 1, files: [] }
  return { status, files: JSON.parse(readFileSync(report, 'utf8')).testResults }
}

/** Said once more at the very end: whoever sees only the last lines of a run must learn which tests to look at. */
function failuresOf(project, { name, status, message, assertionResults }) {
  const file = nameOf(project, name)
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (status === 'failed' && failed.length === 0) return [`${file}: ${firstLine(message)}`]
  return failed.map((test) => ofTest(file, test))
}

/** A test that passed and has failures failed before. */
function retriedOf(project, { name, assertionResults }) {
  const retried = assertionResults.filter((test) => test.status === 'passed' && test.failureMessages.length > 0)
  return retried.map((test) => ofTest(nameOf(project, name), test))
}

function nameOf(project, name) {
  return `${project} ${relative(ROOT, name)}`
}

function ofTest(file, { fullName, failureMessages }) {
  return `${file}: ${fullName}: ${firstLine(failureMessages[0])}`
}

function firstLine(text = '') {
  return text.split('\n', 1)[0]
}

function bin(program) {
  return join(ROOT, 'node_modules', '.bin', program)
}

function must(command, args) {
  const status = run(command, args)
  if (status !== 0) process.exit(status)
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' })
  if (error) process.stderr.write(`Cannot run ${command}: ${error.message}\n`)
  return status ?? 1
}
