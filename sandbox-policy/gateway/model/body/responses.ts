import {
  anything,
  feature,
  flag,
  label,
  leftOut,
  listOf,
  never,
  number,
  offUnless,
  oneOf,
  record,
  refuse,
  tagged,
  text,
  textOr,
  whole,
  type Check,
} from './check.ts'
import { isObject } from './json.ts'
import { DOCUMENT_TYPES, IMAGE_TYPES, dataUrl } from './media.ts'
import { hostedFeature } from './hosted.ts'
import { schema } from './schema.ts'

const fileId = never('files that lie at the provider are out of reach of a sandbox')
const status = label
/** Where a hosted tool found things; some servers want the list all the same. */
const none: Check = () => []

const part = tagged('type', {
  input_text: record({ type: label, text }),
  output_text: record({ type: label, text, annotations: none, logprobs: leftOut }),
  summary_text: record({ type: label, text }),
  reasoning_text: record({ type: label, text }),
  text: record({ type: label, text }),
  refusal: record({ type: label, refusal: text }),
  encrypted_content: record({ type: label, encrypted_content: text }),
  input_image: record({ type: label, image_url: dataUrl(IMAGE_TYPES, 'images'), detail: label, file_id: fileId }),
  input_file: record({
    type: label,
    filename: label,
    file_data: dataUrl(DOCUMENT_TYPES, 'documents'),
    file_url: feature('url-input', dataUrl(DOCUMENT_TYPES, 'documents')),
    file_id: fileId,
  }),
})
const parts = listOf(part)

const FUNCTION = {
  type: label,
  name: label,
  description: text,
  parameters: schema,
  output_schema: schema,
  strict: flag,
  defer_loading: flag,
}
const grammar = record({ type: oneOf('text', 'grammar'), syntax: label, definition: text })
const localShell = tagged('type', { local: record({ type: label }) })

/** Tools that the agent runs itself; hosted ones by feature. */
const tool: Check = (value, at, context) => anyTool(value, at, context)
const anyTool = tagged(
  'type',
  {
    function: record(FUNCTION),
    custom: record({ type: label, name: label, description: text, format: grammar, defer_loading: flag }),
    namespace: record({ type: label, name: label, description: text, tools: listOf(tool) }),
    tool_search: record({ type: label, execution: oneOf('client'), description: text, parameters: schema }),
    local_shell: record({ type: label }),
    apply_patch: record({ type: label }),
    shell: (value, at, context) => {
      // Without an environment the provider's default counts, which may be a container of its own.
      if (!isObject(value) || !isObject(value.environment)) throw refuse(at, 'its environment is not "local"')
      return record({ type: label, environment: localShell })(value, at, context)
    },
  },
  hostedTool,
)

function hostedTool(kind: string): Check | undefined {
  const name = hostedFeature(kind)
  return name === undefined ? undefined : feature(name)
}

const call = { type: label, id: label, call_id: label, status }
const output = textOr(parts)
const toolSearch = { ...call, execution: oneOf('client') }

const message = record({
  type: label,
  id: label,
  role: oneOf('user', 'assistant', 'system', 'developer'),
  content: textOr(parts),
  status,
  phase: label,
})

const screenshot = record({
  type: oneOf('computer_screenshot'),
  image_url: dataUrl(IMAGE_TYPES, 'images'),
  detail: label,
  file_id: fileId,
})

const ITEMS: Readonly<Record<string, Check>> = {
  message,
  agent_message: record({ type: label, id: label, author: label, recipient: label, content: textOr(parts) }),
  reasoning: record({ type: label, id: label, summary: parts, content: parts, encrypted_content: text, status }),
  function_call: record({ ...call, name: label, namespace: label, arguments: text }),
  function_call_output: record({ ...call, output }),
  custom_tool_call: record({ ...call, name: label, namespace: label, input: text }),
  custom_tool_call_output: record({ ...call, name: label, output }),
  local_shell_call: record({ ...call, action: anything }),
  local_shell_call_output: record({ ...call, output: text }),
  apply_patch_call: record({ ...call, operation: anything }),
  apply_patch_call_output: record({ ...call, output: text }),
  shell_call: record({ ...call, action: anything, environment: localShell, max_output_length: number }),
  shell_call_output: record({ ...call, output: anything, max_output_length: number }),
  // Items that bring tools with them are held to what a request's tools are held to.
  additional_tools: record({ type: label, id: label, role: label, tools: listOf(tool) }),
  tool_search_call: record({ ...toolSearch, arguments: anything }),
  tool_search_output: record({ ...toolSearch, tools: listOf(tool) }),
  compaction: record({ type: label, id: label, encrypted_content: text, created_by: leftOut }),
  compaction_summary: record({ type: label, id: label, encrypted_content: text }),
  compaction_trigger: record({ type: label, id: label }),
  computer_call_output: feature(
    'computer-use',
    record({ ...call, output: screenshot, acknowledged_safety_checks: anything }),
  ),
  item_reference: feature('previous-response', record({ type: label, id: label })),
}

const anyItem = tagged('type', ITEMS, hostedTool)
const item: Check = (value, at, context) => {
  if (!isObject(value) || typeof value.type === 'string') return anyItem(value, at, context)
  // Without a type it is a message, or else, without a role, a reference to what the provider keeps.
  if (typeof value.role !== 'string') throw refuse(at, 'it has neither "type" nor "role"')
  return message({ ...value, type: 'message' }, at, context)
}

const named = { type: label, name: label, namespace: label }
const choiceOfTool = tagged(
  'type',
  {
    function: record(named),
    custom: record(named),
    local_shell: record(named),
    apply_patch: record(named),
    shell: record(named),
  },
  hostedTool,
)
const toolChoice: Check = (value, at, context) => {
  if (typeof value === 'string') return oneOf('auto', 'none', 'required')(value, at, context)
  if (!isObject(value) || value.type !== 'allowed_tools') return choiceOfTool(value, at, context)
  return record({ type: label, mode: oneOf('auto', 'required'), tools: listOf(choiceOfTool) })(value, at, context)
}

const HARMLESS_EXTRAS = ['reasoning.encrypted_content', 'message.output_text.logprobs', 'message.input_image.image_url']
const extra: Check = (value, at) => {
  // The others show what hosted tools found. With a tool opened, its answers are in the stream anyway.
  if (typeof value !== 'string' || !HARMLESS_EXTRAS.includes(value))
    throw refuse(at, `only ${HARMLESS_EXTRAS.join(', ')} are allowed`)
  return value
}

const format = tagged('type', {
  text: record({ type: label }),
  json_object: record({ type: label }),
  json_schema: record({ type: label, name: label, description: text, schema, strict: flag }),
})

/** POST /v1/responses. */
export const responsesBody = record({
  model: label,
  input: textOr(listOf(item)),
  instructions: text,
  tools: listOf(tool),
  tool_choice: toolChoice,
  parallel_tool_calls: flag,
  max_tool_calls: whole(0),
  max_output_tokens: whole(1),
  stream: flag,
  stream_options: record({ include_obfuscation: flag }),
  reasoning: record({ effort: label, summary: label, generate_summary: label, context: label }),
  text: record({ format, verbosity: label }),
  include: listOf(extra),
  temperature: number,
  top_p: number,
  top_logprobs: whole(0, 20),
  truncation: oneOf('auto', 'disabled'),
  context_management: listOf(tagged('type', { compaction: record({ type: label, compact_threshold: whole(1) }) })),
  prompt_cache_key: label,
  prompt_cache_retention: oneOf('in_memory', 'in-memory'),
  // Other tiers cost a multiple; budgets count tokens.
  service_tier: oneOf('auto', 'default', 'flex'),
  store: offUnless('store'),
  background: offUnless('background'),
  previous_response_id: feature('previous-response', label),
  conversation: feature('previous-response'),
  prompt: never('a template that lies at the provider may bring tools of its own'),
  client_metadata: leftOut,
  metadata: leftOut,
  user: leftOut,
  safety_identifier: leftOut,
})
