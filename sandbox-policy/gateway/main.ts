import { readConfig } from './config.ts'
import { startGateway, type Log } from './gateway.ts'

const log: Log = (message, fields) => {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), message, ...fields })}\n`)
}

/** The supervisor starts it again; an unknown state lets nothing pass. Messages may quote what a sandbox sent: frames only. */
function crash(error: unknown): never {
  const { name, stack = '' } = error instanceof Error ? error : new Error()
  const code = String((error as NodeJS.ErrnoException | undefined)?.code ?? '')
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '))
  log('crashed', { error: name, code, where: frames.slice(0, 8).join('') })
  process.exit(1)
}

process.on('uncaughtException', crash)
process.on('unhandledRejection', crash)
process.umask(0o077)

const gateway = await startGateway(readOrExit(), log)

let stopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return
    stopping = true
    void gateway[Symbol.asyncDispose]().then(() => process.exit(0), crash)
  })
}

/** A fault of the settings is the administrator's to read. */
function readOrExit() {
  try {
    return readConfig(process.env)
  } catch (error) {
    log(error instanceof Error ? error.message : 'Cannot start the gateway')
    process.exit(2)
  }
}
