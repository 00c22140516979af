import {
  anything,
  feature,
  flag,
  label,
  leftOut,
  listOf,
  never,
  number,
  oneOf,
  record,
  refuse,
  tagged,
  text,
  textOr,
  whole,
  type Check,
} from './check.ts'
import { hostedFeature } from './hosted.ts'
import { isObject } from './json.ts'
import { DOCUMENT_TYPES, IMAGE_TYPES, base64, cacheControl } from './media.ts'
import { schema } from './schema.ts'

const fileId = never('files that lie at the provider are out of reach of a sandbox')

/** The provider fetches it: only with `url-input`, and https. */
const remote = (kind: 'images' | 'documents') =>
  feature(
    'url-input',
    record({
      type: label,
      url: (value, at, { found }) => {
        if (typeof value !== 'string' || !/^https:\/\//i.test(value)) throw refuse(at, 'it is no https address')
        found[kind] += 1
        return value
      },
    }),
  )

const imageSource = tagged('type', {
  base64: record({ type: label, media_type: oneOf(...IMAGE_TYPES), data: base64('images') }),
  url: remote('images'),
  file: fileId,
})
const documentSource = tagged('type', {
  base64: record({ type: label, media_type: oneOf(...DOCUMENT_TYPES), data: base64('documents') }),
  text: record({ type: label, media_type: label, data: text }),
  content: record({ type: label, content: textOr(listOf((value, at, context) => inner(value, at, context))) }),
  url: remote('documents'),
  file: fileId,
})

const common = { type: label, cache_control: cacheControl }
const citations = record({ enabled: flag })
const textBlock = record({ ...common, text, citations: leftOut })
const imageBlock = record({ ...common, source: imageSource })
const inner = tagged('type', { text: textBlock, image: imageBlock })
const texts = listOf(tagged('type', { text: textBlock }))

const resultBlock = tagged('type', {
  text: textBlock,
  image: imageBlock,
  document: record({ ...common, source: documentSource, title: text, context: text, citations }),
  search_result: record({ ...common, source: text, title: text, content: texts, citations }),
  tool_reference: record({ ...common, tool_name: label }),
})

/** Says in which feature's name a provider's own tool was run. */
const serverToolUse: Check = (value, at, context) => {
  const name = isObject(value) && typeof value.name === 'string' ? hostedFeature(value.name) : undefined
  if (name === undefined) throw refuse(at, 'it is a call of a hosted tool that Drydock does not know')
  return feature(name)(value, at, context)
}

const block = tagged(
  'type',
  {
    text: textBlock,
    image: imageBlock,
    document: record({ ...common, source: documentSource, title: text, context: text, citations }),
    search_result: record({ ...common, source: text, title: text, content: texts, citations }),
    thinking: record({ type: label, thinking: text, signature: text }),
    redacted_thinking: record({ type: label, data: text }),
    tool_use: record({ ...common, id: label, name: label, input: anything, caller: record({ type: oneOf('direct') }) }),
    tool_result: record({ ...common, tool_use_id: label, content: textOr(listOf(resultBlock)), is_error: flag }),
    compaction: record({ ...common, content: text }),
    server_tool_use: serverToolUse,
  },
  (kind) => hosted(kind),
)

function hosted(kind: string): Check | undefined {
  const name = hostedFeature(kind)
  return name === undefined ? undefined : feature(name)
}

const DEFINITION = {
  ...common,
  name: label,
  description: text,
  input_schema: schema,
  input_examples: anything,
  strict: flag,
  defer_loading: flag,
  eager_input_streaming: flag,
  // Calls from the provider's own sandbox are code execution by another name.
  allowed_callers: listOf(oneOf('direct')),
}
/** Tools known to the model and run by the agent. */
const CLIENT_TOOL = /^(?:bash|text_editor|memory)_\d{8}$/
const clientTool = record({ ...common, name: label, max_characters: whole(1), defer_loading: flag, strict: flag })
const typedTool = tagged('type', { custom: record(DEFINITION) }, (kind) =>
  CLIENT_TOOL.test(kind) ? clientTool : hosted(kind),
)
const tool: Check = (value, at, context) => {
  const typed = isObject(value) && value.type !== undefined && value.type !== null
  return (typed ? typedTool : record(DEFINITION))(value, at, context)
}

const EDITS = /^(?:clear_thinking|clear_tool_uses|compact)_\d{8}$/
const amount = record({ type: label, value: whole(0) })
const anyEdit = record({
  type: label,
  trigger: amount,
  keep: textOr(amount),
  clear_at_least: amount,
  exclude_tools: listOf(label),
  clear_tool_inputs: (value, at, context) => (typeof value === 'boolean' ? value : listOf(label)(value, at, context)),
  instructions: text,
  pause_after_compaction: flag,
})
const edit = tagged('type', {}, (kind) => (EDITS.test(kind) ? anyEdit : undefined))

const toolChoice = record({ type: oneOf('auto', 'any', 'tool', 'none'), name: label, disable_parallel_tool_use: flag })
const format = record({ type: oneOf('json_schema'), schema })
const thinking = record({ type: oneOf('enabled', 'disabled', 'adaptive'), budget_tokens: whole(1), display: label })

const COUNTED = {
  model: label,
  messages: listOf(record({ role: oneOf('user', 'assistant', 'system'), content: textOr(listOf(block)) })),
  system: textOr(texts),
  tools: listOf(tool),
  tool_choice: toolChoice,
  thinking,
  output_config: record({ effort: label, format }),
  output_format: format,
  context_management: record({ edits: listOf(edit) }),
  cache_control: cacheControl,
  container: feature('code-interpreter'),
  mcp_servers: feature('mcp'),
}

/** POST /v1/messages/count_tokens. */
export const countTokensBody = record(COUNTED)

/** POST /v1/messages. */
export const messagesBody = record({
  ...COUNTED,
  max_tokens: whole(1),
  metadata: record({ user_id: label }),
  stop_sequences: listOf(text),
  stream: flag,
  temperature: number,
  top_p: number,
  top_k: number,
  // Other tiers cost a multiple; budgets count tokens.
  service_tier: oneOf('auto', 'standard_only'),
})
