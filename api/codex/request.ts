import { z } from '@hono/zod-openapi'
import { CAPS } from '../../domain/environments/limits.ts'
import { BranchName, line, text } from '../schemas/common.ts'

const MAX_ATTEMPTS = 4
const MAX_ITEMS = 32
const PROMPT_CHARACTERS = 4 * 1024 * 1024
const PAGE = 20
const MAX_PAGE = 100

const TextPart = z.strictObject({ content_type: z.literal('text'), text: text(PROMPT_CHARACTERS) })

const Message = z.strictObject({
  type: z.literal('message'),
  role: z.literal('user', 'must be "user"').optional(),
  content: z
    .array(
      z.discriminatedUnion('content_type', [TextPart], {
        error: 'must have the content_type "text". Pictures go with: drydock exec --image',
      }),
    )
    .max(MAX_ITEMS),
})

const StartingDiff = z.strictObject({
  type: z.literal('pre_apply_patch'),
  output_diff: z.strictObject({ diff: text(CAPS.startingDiffBytes) }),
})

/** A task as the Codex CLI sends it. What is not known is refused: it would change what the task means. */
export const NewCodexTaskSchema = z
  .strictObject({
    new_task: z.strictObject({
      environment_id: line(64).openapi({ description: 'Id or name' }),
      branch: BranchName.optional(),
      run_environment_in_qa_mode: z.literal(false, 'must be false: there is no such mode').optional(),
    }),
    input_items: z
      .array(
        z.discriminatedUnion('type', [Message, StartingDiff], {
          error: 'must have the type "message" or "pre_apply_patch"',
        }),
      )
      .max(MAX_ITEMS),
    metadata: z
      .looseObject({ best_of_n: z.int().min(1).max(MAX_ATTEMPTS).default(1) })
      .default({ best_of_n: 1 })
      .openapi({ description: 'best_of_n: how many attempts' }),
  })
  .refine(({ input_items: items }) => promptOf(items).trim() !== '', {
    path: ['input_items'],
    message: 'must have a message with text',
  })
  .refine(({ input_items: items }) => items.filter(({ type }) => type === 'pre_apply_patch').length <= 1, {
    path: ['input_items'],
    message: 'must have one starting diff at most',
  })
  .openapi('NewCodexTask')

export const CodexTaskQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(PAGE),
  cursor: line(200).optional(),
  environment_id: line(64).optional(),
  task_filter: line(64).optional().openapi({ description: 'No task is archived: "archived" finds none, all else all' }),
})

type Items = z.output<typeof Message | typeof StartingDiff>[]

/** All texts of all messages, as the CLI itself joins them. */
export function promptOf(items: Items): string {
  return items.flatMap((item) => (item.type === 'message' ? item.content.map((part) => part.text) : [])).join('\n\n')
}

/** The change that the task starts with. */
export function startingDiffOf(items: Items): string | undefined {
  const found = items.find((item) => item.type === 'pre_apply_patch')
  // The CLI sends what a variable holds, and that may be nothing.
  return found?.output_diff.diff.trim() ? found.output_diff.diff : undefined
}
