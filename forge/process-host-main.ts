import { serveProcesses } from './serve-processes.ts'

// Ctrl-C reaches it as well; the server, which still needs it to come to an end, ends it by hanging up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
// Programs die with it: their parent-death signal is about this process.
process.once('disconnect', () => process.exit(0))

serveProcesses(process)
