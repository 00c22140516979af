// What the Codex CLI decodes, field by field. It gives up a whole answer for one field of another type.

import { z } from '@hono/zod-openapi'

const count = z.int().min(0)
const seconds = z.number().openapi({ description: 'Seconds since 1970' })

export const CodexEnvironmentsSchema = z
  .array(z.object({ id: z.string(), label: z.string(), is_pinned: z.boolean() }))
  .openapi('CodexEnvironments')

const StatusDisplay = z
  .object({
    environment_label: z.string(),
    latest_turn_status_display: z.object({
      turn_status: z.enum(['pending', 'in_progress', 'completed', 'failed', 'cancelled']),
      updated_at: seconds,
      diff_stats: z.object({ files_modified: count, lines_added: count, lines_removed: count }),
      sibling_turn_ids: z.array(z.string()),
    }),
  })
  .openapi('CodexTaskStatus')

export const CodexTaskPageSchema = z
  .object({
    items: z.array(
      z.object({
        id: z.string(),
        title: z.string(),
        has_generated_title: z.boolean(),
        created_at: seconds,
        updated_at: seconds,
        task_status_display: StatusDisplay,
        archived: z.boolean(),
        has_unread_turn: z.boolean(),
      }),
    ),
    cursor: z.string().exactOptional(),
  })
  .openapi('CodexTaskPage')

const Message = z.object({
  type: z.literal('message'),
  role: z.enum(['user', 'assistant']),
  content: z.array(z.object({ content_type: z.literal('text'), text: z.string() })),
})
const OutputDiff = z.object({ type: z.literal('output_diff'), diff: z.string() })
const PullRequest = z.object({ type: z.literal('pr'), output_diff: z.object({ diff: z.string() }) })

const AssistantTurn = z
  .object({
    id: z.string(),
    attempt_placement: count,
    turn_status: z.enum(['pending', 'in_progress', 'completed', 'failed', 'cancelled']),
    created_at: seconds,
    sibling_turn_ids: z.array(z.string()),
    output_items: z.array(z.discriminatedUnion('type', [Message, OutputDiff])),
    error: z.object({ code: z.string(), message: z.string() }).exactOptional(),
  })
  .openapi('CodexTurn')

export const CodexTaskSchema = z
  .object({
    task: z.object({
      id: z.string(),
      title: z.string(),
      archived: z.boolean(),
      /** Stays empty: their form wants to know whether they merge, which nobody here does. */
      external_pull_requests: z.array(z.object({})).max(0),
      environment_id: z.string(),
      created_at: seconds,
      updated_at: seconds,
      is_review: z.boolean(),
    }),
    task_status_display: StatusDisplay,
    current_user_turn: z.object({ id: z.string(), input_items: z.array(Message) }),
    current_assistant_turn: AssistantTurn,
    current_diff_task_turn: z.object({ id: z.string(), output_items: z.array(PullRequest) }).nullable(),
  })
  .openapi('CodexTask')

export const CodexSiblingsSchema = z.object({ sibling_turns: z.array(AssistantTurn) }).openapi('CodexSiblings')
export const CodexCreatedSchema = z.object({ task: z.object({ id: z.string() }) }).openapi('CodexCreated')

export const CodexUsageSchema = z
  .object({ plan_type: z.literal('enterprise'), rate_limit: z.null(), credits: z.null() })
  .openapi('CodexUsage')
export const CodexRequirementsSchema = z.object({ contents: z.null(), sha256: z.null() }).openapi('CodexRequirements')

export const WhoamiSchema = z
  .object({
    email: z.string().nullable(),
    chatgpt_user_id: z.string(),
    chatgpt_account_id: z.string(),
    chatgpt_plan_type: z.literal('enterprise'),
    chatgpt_account_is_fedramp: z.literal(false),
  })
  .openapi('CodexWhoami')

export type CodexTurnJson = z.infer<typeof AssistantTurn>
export type CodexStatusJson = z.infer<typeof StatusDisplay>
export type CodexTaskJson = z.infer<typeof CodexTaskSchema>
export type CodexTaskPageJson = z.infer<typeof CodexTaskPageSchema>
