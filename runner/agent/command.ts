import { z } from 'zod'
import { cutTo } from './cut.ts'
import type { AgentAdapter, AgentEvent, AgentParser, AgentRun, Launch } from './adapter.ts'

const SCRIPT = '/agent-home/.drydock-script'
const PROMPT = '/agent-home/.drydock-prompt'
const PREFIX = '::event '

// Linux refuses an argument or variable of 128 KiB or more (MAX_ARG_STRLEN), its name and "=" included.
const VARIABLE_BYTES = 128 * 1024 - 1

/** Caps of R6: what a script says about itself is display, and bounded. */
const EVENTS = { perSecond: 20, burst: 100, textBytes: 64 * 1024, items: 100, itemBytes: 500 }

const Id = z.string().regex(/^[\w.:-]{1,100}$/)
const Said = z.discriminatedUnion('t', [
  z.object({ t: z.literal('message'), id: Id.optional(), text: z.string() }),
  z.object({
    t: z.literal('todo'),
    id: Id.optional(),
    items: z.array(z.object({ text: z.string(), status: z.enum(['pending', 'active', 'done']) })).max(EVENTS.items),
  }),
])
type Said = z.infer<typeof Said>

/** The agent without a model: runs the environment's script, or the prompt as a script; its exit code is the verdict. */
export const commandAgent: AgentAdapter = {
  id: 'command',
  wire: null,
  launch,
  parser: () => createCommandParser(),
  keep: [],
  stop: 'SIGTERM',
}

/** Reads what a script prints. `now` is monotonic, in milliseconds. */
export function createCommandParser(now: () => number = () => performance.now()): AgentParser {
  return new CommandParser(now)
}

function launch(run: AgentRun): Launch {
  const script = run.script ?? run.prompt
  const fits = Buffer.byteLength(`TASK_PROMPT=${run.prompt}`) < VARIABLE_BYTES && !run.prompt.includes('\0')
  return {
    argv: argvFor(script),
    env: {
      ...run.variables,
      TASK_MODE: run.mode,
      TASK_PROMPT_FILE: PROMPT,
      // A longer prompt would keep the script from starting at all; the file always has it.
      ...(fits ? { TASK_PROMPT: run.prompt } : {}),
    },
    files: [
      { path: SCRIPT, content: script, mode: 0o700 },
      { path: PROMPT, content: run.prompt, mode: 0o600 },
    ],
  }
}

/** A script that names its interpreter gets it; any other gets bash, or sh where the image has no bash. */
function argvFor(script: string): string[] {
  if (script.startsWith('#!')) return [SCRIPT]
  return ['sh', '-c', 'if command -v bash >/dev/null 2>&1; then exec bash "$0"; fi; exec sh "$0"', SCRIPT]
}

class CommandParser implements AgentParser {
  readonly #now: () => number
  #tokens = EVENTS.burst
  #refilledAt: number
  #count = 0
  #ended = false

  constructor(now: () => number) {
    this.#now = now
    this.#refilledAt = now()
  }

  push(line: string, stream: 'stdout' | 'stderr'): AgentEvent[] {
    const said = stream === 'stdout' ? readEvent(line) : undefined
    // Beyond the rate a line is what it would be without the prefix: text, under the caps of the log.
    if (said === undefined || !this.#mayPass()) return [{ t: 'output', stream, text: line }]
    return [this.#accept(said)]
  }

  close(exit: { code: number | null }): AgentEvent[] {
    if (this.#ended) return []
    this.#ended = true
    return [{ t: 'end', ok: exit.code === 0 }]
  }

  #accept(said: Said): AgentEvent {
    const id = said.id ?? `event-${++this.#count}`
    if (said.t === 'message') return { t: 'message', id, text: cutTo(said.text, EVENTS.textBytes) }
    return { t: 'todo', id, items: said.items.map((item) => ({ ...item, text: cutTo(item.text, EVENTS.itemBytes) })) }
  }

  #mayPass(): boolean {
    const now = this.#now()
    this.#tokens = Math.min(EVENTS.burst, this.#tokens + ((now - this.#refilledAt) / 1000) * EVENTS.perSecond)
    this.#refilledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** Undefined for whatever is not exactly an event that a script may send. */
function readEvent(line: string): Said | undefined {
  if (!line.startsWith(PREFIX)) return undefined
  try {
    return Said.safeParse(JSON.parse(line.slice(PREFIX.length))).data
  } catch {
    return undefined
  }
}
