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
  tagged,
  text,
  textOr,
  whole,
  type Check,
} from './check.ts'
import { hostedFeature } from './hosted.ts'
import { DOCUMENT_TYPES, IMAGE_TYPES, cacheControl, dataUrl } from './media.ts'
import { schema } from './schema.ts'

const imageUrl = dataUrl(IMAGE_TYPES, 'images')
const imageRecord = record({ url: imageUrl, detail: label })

const part = tagged('type', {
  text: record({ type: label, text, cache_control: cacheControl }),
  refusal: record({ type: label, refusal: text }),
  // Some providers also take the address itself in place of the object.
  image_url: record({
    type: label,
    image_url: (value, at, context) => (typeof value === 'string' ? imageUrl : imageRecord)(value, at, context),
    cache_control: cacheControl,
  }),
  file: record({
    type: label,
    file: record({
      filename: label,
      file_data: dataUrl(DOCUMENT_TYPES, 'documents'),
      file_id: never('files that lie at the provider are out of reach of a sandbox'),
    }),
    cache_control: cacheControl,
  }),
})

const functionCall = record({ name: label, arguments: text })
const toolCall = tagged('type', {
  function: record({ type: label, id: label, index: whole(0), function: functionCall }),
  custom: record({ type: label, id: label, index: whole(0), custom: record({ name: label, input: text }) }),
})

const message = record({
  role: oneOf('system', 'developer', 'user', 'assistant', 'tool', 'function'),
  content: textOr(listOf(part)),
  name: label,
  refusal: text,
  tool_calls: listOf(toolCall),
  tool_call_id: label,
  function_call: functionCall,
  // What models of several makers thought before; they want it back.
  reasoning_content: text,
  reasoning: text,
  reasoning_details: anything,
  cache_control: cacheControl,
  annotations: leftOut,
  audio: never('sound that lies at the provider is out of reach of a sandbox'),
})

const definition = { name: label, description: text, parameters: schema, strict: flag }
const grammar = record({ syntax: label, definition: text })
const customFormat = tagged('type', {
  text: record({ type: label }),
  grammar: record({ type: label, grammar }),
})

const tool = tagged(
  'type',
  {
    function: record({ type: label, function: record(definition), cache_control: cacheControl }),
    custom: record({ type: label, custom: record({ name: label, description: text, format: customFormat }) }),
  },
  (kind) => {
    const name = hostedFeature(kind)
    return name === undefined ? undefined : feature(name)
  },
)

const named = record({ name: label })
const choiceOfTool = tagged('type', {
  function: record({ type: label, function: named }),
  custom: record({ type: label, custom: named }),
})
const allowedTools = record({ mode: oneOf('auto', 'required'), tools: listOf(choiceOfTool) })
const choiceRecord = tagged('type', {
  function: record({ type: label, function: named }),
  custom: record({ type: label, custom: named }),
  allowed_tools: record({ type: label, allowed_tools: allowedTools }),
})
const toolChoice: Check = (value, at, context) =>
  (typeof value === 'string' ? oneOf('auto', 'none', 'required', 'any') : choiceRecord)(value, at, context)

const responseFormat = tagged('type', {
  text: record({ type: label }),
  json_object: record({ type: label }),
  json_schema: record({
    type: label,
    json_schema: record({ name: label, description: text, schema, strict: flag }),
  }),
})

const SAMPLING = {
  temperature: number,
  top_p: number,
  top_k: number,
  min_p: number,
  presence_penalty: number,
  frequency_penalty: number,
  repetition_penalty: number,
  seed: number,
  logprobs: flag,
  top_logprobs: whole(0, 20),
  logit_bias: anything,
}

const REASONING = {
  reasoning_effort: label,
  verbosity: label,
  reasoning: record({ effort: label, enabled: flag, exclude: flag, max_tokens: whole(0) }),
  thinking: record({ type: oneOf('enabled', 'disabled', 'auto'), budget_tokens: whole(0), clear_thinking: flag }),
  enable_thinking: flag,
  thinking_budget: whole(0),
  chat_template_kwargs: record({ enable_thinking: flag, thinking: flag, clear_thinking: flag }),
}

/** POST /v1/chat/completions. */
export const chatBody = record({
  ...SAMPLING,
  ...REASONING,
  model: label,
  messages: listOf(message),
  tools: listOf(tool),
  tool_choice: toolChoice,
  functions: listOf(record(definition)),
  function_call: (value, at, context) =>
    (typeof value === 'string' ? oneOf('auto', 'none') : named)(value, at, context),
  parallel_tool_calls: flag,
  response_format: responseFormat,
  max_tokens: whole(1),
  max_completion_tokens: whole(1),
  n: whole(1, 16),
  stop: textOr(listOf(text)),
  stream: flag,
  stream_options: record({ include_usage: flag, include_obfuscation: flag }),
  modalities: listOf(oneOf('text')),
  prompt_cache_key: label,
  prompt_cache_retention: oneOf('in_memory', 'in-memory'),
  // Other tiers cost a multiple; budgets count tokens.
  service_tier: oneOf('auto', 'default', 'flex'),
  store: offUnless('store'),
  web_search_options: feature('web-search'),
  search_parameters: feature('web-search'),
  metadata: leftOut,
  user: leftOut,
  safety_identifier: leftOut,
})
