// What version 0.150.0 of the Codex CLI decodes, as strictly as its Rust types do: a required field that is missing, or one
// of another type, makes it give up the whole answer. Fields that it does not know are let pass.

import { z } from 'zod'

const text = z.string()
/** `Option<T>`: may be missing or null. */
const option = <T extends z.ZodType>(type: T) => type.nullish()
const float = z.number()
const integer = z.int()

export const Whoami = z.object({
  email: option(text),
  chatgpt_user_id: text,
  chatgpt_account_id: text,
  chatgpt_plan_type: text,
  chatgpt_account_is_fedramp: z.boolean(),
})

export const Environments = z.array(
  z.object({ id: text, label: option(text), is_pinned: option(z.boolean()), task_count: option(integer) }),
)

/** Read by hand from any JSON; a field of another type is as good as none, so here it has to be right. */
const StatusDisplay = z.object({
  environment_label: text,
  latest_turn_status_display: z.object({
    turn_status: z.enum(['completed', 'failed', 'cancelled', 'pending', 'in_progress']),
    updated_at: float,
    diff_stats: z.object({ files_modified: integer, lines_added: integer, lines_removed: integer }),
    sibling_turn_ids: z.array(text),
  }),
})

const PullRequest = z.object({
  id: text,
  assistant_turn_id: text,
  pull_request: z.object({
    number: integer,
    url: text,
    state: text,
    merged: z.boolean(),
    // Never null: that would cost the whole list.
    mergeable: z.boolean(),
  }),
})

export const TaskPage = z.object({
  items: z.array(
    z.object({
      id: text,
      title: text,
      has_generated_title: option(z.boolean()),
      created_at: option(float),
      updated_at: option(float),
      task_status_display: StatusDisplay,
      archived: z.boolean(),
      has_unread_turn: z.boolean(),
      pull_requests: option(z.array(PullRequest)),
    }),
  ),
  cursor: option(text),
})

const Item = z.object({
  type: text,
  role: option(text),
  content: z.array(z.union([z.object({ content_type: option(text), text: option(text) }), text])).optional(),
  diff: option(text),
  output_diff: option(z.object({ diff: option(text) })),
})

const Turn = z.object({
  id: option(text),
  attempt_placement: option(integer),
  turn_status: option(text),
  sibling_turn_ids: option(z.array(text)),
  input_items: option(z.array(Item)),
  output_items: option(z.array(Item)),
  error: option(z.object({ code: option(text), message: option(text) })),
})

/** Of `codex apply`, too: it takes the item of the type "pr". */
export const Details = z.object({
  task: z.object({
    id: text,
    title: text,
    archived: z.boolean(),
    external_pull_requests: z.array(PullRequest),
    environment_id: text,
    updated_at: float,
    is_review: z.boolean(),
  }),
  task_status_display: StatusDisplay,
  current_user_turn: option(Turn),
  current_assistant_turn: option(Turn),
  current_diff_task_turn: option(Turn),
})

export const Siblings = z.object({
  sibling_turns: z.array(Turn.extend({ id: text, attempt_placement: integer, created_at: float })),
})
export const Created = z.object({ task: z.object({ id: text }) })

export const Usage = z.object({
  plan_type: z.enum(['guest', 'free', 'go', 'plus', 'pro', 'free_workspace', 'team', 'business', 'enterprise', 'edu']),
  rate_limit: option(z.object({})),
  credits: option(z.object({})),
})
export const Requirements = z.object({ contents: option(text), sha256: option(text) })

/** As the client finds the diff: first among the items of the diff's turn, then of the assistant's. */
export function diffOf({
  current_diff_task_turn,
  current_assistant_turn,
}: z.infer<typeof Details>): string | undefined {
  const items = [current_diff_task_turn, current_assistant_turn].flatMap((turn) => turn?.output_items ?? [])
  const found = items.find(({ type }) => type === 'output_diff' || type === 'pr')
  return found?.diff ?? found?.output_diff?.diff ?? undefined
}

/** As the client collects what the assistant said. */
export function messagesOf({ current_assistant_turn: turn }: z.infer<typeof Details>): string[] {
  const content = (turn?.output_items ?? []).flatMap((item) => (item.type === 'message' ? (item.content ?? []) : []))
  return content.flatMap((part) => (typeof part === 'string' ? part : (part.text ?? [])))
}
