import type { Scenario } from './scenario.ts'

export type Wire = 'responses' | 'chat' | 'anthropic'
export type Json = Readonly<Record<string, unknown>>

export const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : [])

/** The text of a message's content, whichever way a wire writes it. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((part) => (typeof part === 'string' ? part : typeof part.text === 'string' ? part.text : ''))
    .join('\n')
}

type Entry = { user: string } | { callId: string }

/** The conversation so far: what people said, and results of calls. */
function historyOf(wire: Wire, body: Json): Entry[] {
  if (wire === 'responses') return list(body.input).flatMap(responsesEntry)
  return list(body.messages).flatMap(wire === 'chat' ? chatEntry : anthropicEntry)
}

function responsesEntry(item: Json): Entry[] {
  if (item.role === 'user') return [{ user: textOf(item.content) }]
  return String(item.type).endsWith('_call_output') ? [{ callId: String(item.call_id) }] : []
}

function chatEntry(message: Json): Entry[] {
  if (message.role === 'user') return [{ user: textOf(message.content) }]
  return message.role === 'tool' ? [{ callId: String(message.tool_call_id) }] : []
}

function anthropicEntry(message: Json): Entry[] {
  if (message.role !== 'user') return []
  if (typeof message.content === 'string') return [{ user: message.content }]
  const parts = list(message.content)
  const text = textOf(parts.filter((part) => part.type === 'text'))
  const results = parts.filter((part) => part.type === 'tool_result')
  return [...(text ? [{ user: text }] : []), ...results.map((part) => ({ callId: String(part.tool_use_id) }))]
}

/**
 * Which step comes next. The server remembers nothing: every call that it issues carries an id `mk_SCENARIO_STEP_N`, so
 * the step is read back from what the agent sends; runs may be parallel, and go on in another process.
 */
export function locate(scenarios: readonly Scenario[], { wire, body }: { wire: Wire; body: Json }) {
  let scenario = scenarios[0]
  let step = 0
  for (const entry of historyOf(wire, body)) {
    if ('user' in entry) {
      const hit = scenarios.find(({ name }) => entry.user.includes(`[[${name}]]`))
      if (hit) [scenario, step] = [hit, 0]
    } else {
      const [, name, at] = /^(?:toolu_)?mk_(.+)_(\d+)_\d+$/.exec(entry.callId) ?? []
      if (name === scenario?.name) step = Math.max(step, Number(at) + 1)
    }
  }
  if (scenario === undefined) throw new Error('A mock model needs a scenario')
  return { scenario, step: Math.min(step, scenario.steps.length - 1) }
}

/** Names of the tools that the agent offers; codex has them in groups, and some of them in the input. */
export function offeredTools(body: Json): Set<string> {
  const names = new Set<string>()
  const walk = (tool: Json) => {
    if (tool.type === 'namespace') return list(tool.tools).forEach(walk)
    const name = tool.name ?? (tool.function as Json | undefined)?.name
    if (typeof name === 'string') names.add(name)
  }
  const more = list(body.input).flatMap((item) => (item.type === 'additional_tools' ? list(item.tools) : []))
  for (const tool of [...list(body.tools), ...more]) walk(tool)
  return names
}
