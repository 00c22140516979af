import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { at, bytea, createdAt } from './columns.ts'
import type {
  PhaseTiming,
  FlaggedPath,
  AttemptStateName,
  PublishMode,
  PublishState,
  TaskMode,
} from './tasks/attempt.ts'
import type { BuiltInRole, Permission } from './access/permissions.ts'
import type { Visibility } from './environments/sharing.ts'
import type { PhaseLimits, Resources } from './environments/limits.ts'
import type { Service, StarterTask } from './environments/parts.ts'
import type { OtherRepository } from './environments/repositories.ts'
import type { RepositoryChange } from './tasks/changes.ts'
import type { StartRecord } from './tasks/start.ts'

export const users = pgTable('users', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  email: text('email').notNull(),
  /** Only a verified one says who somebody is (R23). */
  emailVerified: boolean('email_verified').notNull().default(false),
  kind: text('kind').$type<'person' | 'service'>().notNull().default('person'),
  role: text('role').$type<BuiltInRole>().notNull(),
  maxRunning: integer('max_running').notNull().default(8),
  /** Since then no token of theirs speaks for anybody. */
  disabledAt: at('disabled_at'),
  createdAt: createdAt(),
})

export const apiTokens = pgTable(
  'api_tokens',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    /** SHA-256 of the token: 256 random bits need no salt. */
    hash: bytea('hash').notNull(),
    /** The first characters, so that a person can tell tokens apart. */
    prefix: text('prefix').notNull(),
    scopes: text('scopes').array().notNull(),
    permissions: text('permissions').array().$type<Permission[]>(), // of what its person may; null: all
    expiresAt: at('expires_at'),
    lastUsedAt: at('last_used_at'),
    revokedAt: at('revoked_at'),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('api_tokens_hash').on(t.hash)],
)

export const settings = pgTable('settings', {
  key: text('key').primaryKey(),
  value: jsonb('value').notNull(),
  updatedAt: at('updated_at').notNull().defaultNow(),
  updatedBy: text('updated_by'),
})

export const repositories = pgTable(
  'repositories',
  {
    id: text('id').primaryKey(),
    forge: text('forge').$type<'git' | 'github'>().notNull(),
    /** A path, a URL, or `owner/name` on GitHub. Never holds a credential. */
    address: text('address').notNull(),
    defaultBranch: text('default_branch'),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('repositories_address').on(t.forge, t.address)],
)

export const environments = pgTable(
  'environments',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    repositoryId: text('repository_id')
      .notNull()
      .references(() => repositories.id),
    /** Those besides the first. */
    repositories: jsonb('repositories').$type<OtherRepository[]>().notNull().default([]),
    image: text('image').notNull(),
    agent: text('agent').notNull().default('command'),
    /** The script of the `command` agent; without one, the prompt itself is the script. */
    agentScript: text('agent_script'),
    agentUser: text('agent_user').$type<'agent' | 'root'>().notNull().default('agent'),
    setupScript: text('setup_script'),
    maintenanceScript: text('maintenance_script'),
    variables: jsonb('variables').$type<Record<string, string>>().notNull().default({}),
    policy: jsonb('policy').$type<{ setup?: unknown; agent?: unknown }>().notNull().default({}),
    publish: text('publish').$type<PublishMode>().notNull().default('manual'),
    /** Files that other machines run by themselves hold automatic publishing until a person confirms (R2). */
    holdFlagged: boolean('hold_flagged').notNull().default(true),
    publishUnlinked: boolean('publish_unlinked').notNull().default(true), // also who has linked no login (R25)
    resources: jsonb('resources').$type<Partial<Resources>>().notNull().default({}),
    limits: jsonb('limits').$type<Partial<PhaseLimits>>().notNull().default({}),
    maxRunning: integer('max_running').notNull().default(8),
    /** For agents that need one; null: the agent's own choice, and the default provider of its wire. */
    model: text('model'),
    provider: text('provider'),
    budgetTokens: bigint('budget_tokens', { mode: 'number' }),
    /** Language to version, as in `{"node": "22"}`; absent languages are those of the image. */
    versions: jsonb('versions').$type<Record<string, string>>().notNull().default({}),
    /** Commands that show whether the environment works: its tests, its linter. */
    verification: jsonb('verification').$type<string[]>().notNull().default([]),
    starterTasks: jsonb('starter_tasks').$type<StarterTask[]>().notNull().default([]),
    services: jsonb('services').$type<Service[]>().notNull().default([]),
    /** Who may use it beside its owner, who is `createdBy`, and its collaborators. */
    visibility: text('visibility').$type<Visibility>().notNull().default('workspace'),
    cacheEpoch: integer('cache_epoch').notNull().default(0), // raised by "reset cache": in the key of every snapshot
    createdBy: text('created_by').references(() => users.id),
    createdAt: createdAt(),
    updatedAt: at('updated_at').notNull().defaultNow(),
    /** Finished tasks keep pointing to a deleted environment; its name is free again. */
    deletedAt: at('deleted_at'),
  },
  (t) => [
    uniqueIndex('environments_name')
      .on(t.name)
      .where(sql`deleted_at is null`),
  ],
)

export const tasks = pgTable(
  'tasks',
  {
    id: text('id').primaryKey(),
    title: text('title').notNull(),
    environmentId: text('environment_id')
      .notNull()
      .references(() => environments.id),
    mode: text('mode').$type<TaskMode>().notNull(),
    creatorId: text('creator_id')
      .notNull()
      .references(() => users.id),
    product: text('product').notNull(),
    branch: text('branch'),
    agent: text('agent').notNull(),
    /** Derived from the attempts of the last turn, kept here so that lists filter by an index. */
    state: text('state').$type<AttemptStateName>().notNull().default('queued'),
    idempotencyKey: text('idempotency_key'),
    /** SHA-256 of the request that used the key: the same key with another request is an error. */
    idempotencyHash: text('idempotency_hash'),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex('tasks_idempotency')
      .on(t.creatorId, t.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    index('tasks_by_time').on(t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_by_state').on(t.state, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_by_environment').on(t.environmentId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_by_creator').on(t.creatorId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_by_creator_state').on(t.creatorId, t.state, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_by_creator_environment').on(
      t.creatorId,
      t.environmentId,
      t.createdAt.desc().nullsFirst(),
      t.id.desc().nullsFirst(),
    ),
  ],
)

export const turns = pgTable(
  'turns',
  {
    id: text('id').primaryKey(),
    taskId: text('task_id')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    n: integer('n').notNull(),
    prompt: text('prompt').notNull(),
    /** What a follow-up goes on from: an attempt of an earlier turn of the same task. */
    baseAttemptId: text('base_attempt_id'),
    /** A change that a first turn starts with, as a patch on its base commit. */
    startingPatch: bytea('starting_patch'),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('turns_by_task').on(t.taskId, t.n)],
)

export const attempts = pgTable(
  'attempts',
  {
    id: text('id').primaryKey(),
    turnId: text('turn_id')
      .notNull()
      .references(() => turns.id, { onDelete: 'cascade' }),
    taskId: text('task_id')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    environmentId: text('environment_id').notNull(),
    userId: text('user_id').notNull(),
    n: integer('n').notNull(),
    priority: integer('priority').notNull().default(0),
    state: text('state').$type<AttemptStateName>().notNull().default('queued'),
    reason: text('reason'),
    message: text('message'),
    claim: integer('claim').notNull().default(0),
    /** How often a runner was lost under it; bounds how often the reaper queues it again. */
    lost: integer('lost').notNull().default(0),
    runnerId: text('runner_id'),
    leaseUntil: at('lease_until'),
    cancelRequestedAt: at('cancel_requested_at'),
    queuedAt: at('queued_at').notNull().defaultNow(),
    startedAt: at('started_at'),
    finishedAt: at('finished_at'),
    phases: jsonb('phases').$type<PhaseTiming[]>().notNull().default([]),
    answer: text('answer'),
    flagged: jsonb('flagged').$type<FlaggedPath[]>().notNull().default([]),
    image: text('image'),
    /** From what it was started, and why. */
    start: jsonb('start').$type<StartRecord>(),
    agentVersion: text('agent_version'), // version and hash of its program (R9)
    /** What it works on: an environment that is pointed elsewhere later must not take the change along. */
    repositoryId: text('repository_id').references(() => repositories.id),
    baseCommit: text('base_commit'),
    tree: text('tree'),
    commit: text('commit'),
    branch: text('branch'),
    /** Of an attempt on several repositories: what came of each, the first included. Empty for one on a single one. */
    changes: jsonb('changes').$type<RepositoryChange[]>().notNull().default([]),
    publishState: text('publish_state').$type<PublishState>().notNull().default('none'),
    publishReason: text('publish_reason'),
    /** The requested kind of publishing, while `pending`. */
    publishMode: text('publish_mode').$type<PublishMode>(),
    publishBy: text('publish_by'), // who asked for it; null: nobody did, and it is in the name of whose attempt it is
    publishClaim: integer('publish_claim').notNull().default(0),
    publishRunnerId: text('publish_runner_id'),
    publishLeaseUntil: at('publish_lease_until'),
    /** How often it was tried since a person or the environment asked for it; bounds how long a forge is waited for. */
    publishTries: integer('publish_tries').notNull().default(0),
    inputTokens: bigint('input_tokens', { mode: 'number' }).notNull().default(0),
    outputTokens: bigint('output_tokens', { mode: 'number' }).notNull().default(0),
    createdAt: createdAt(),
  },
  (t) => [
    index('attempts_by_task').on(t.taskId),
    uniqueIndex('attempts_by_turn').on(t.turnId, t.n),
    index('attempts_queue')
      .on(t.userId, t.priority.desc().nullsFirst(), t.createdAt, t.id)
      .where(sql`state = 'queued'`),
    index('attempts_leases')
      .on(t.leaseUntil)
      .where(sql`state in ('preparing', 'running', 'collecting')`),
    index('attempts_publishing')
      .on(t.finishedAt)
      .where(sql`publish_state = 'pending'`),
  ],
)

/** The last event number of a task. Its row lock orders writers, so a reader never sees a gap that fills later. */
export const taskEventHeads = pgTable('task_event_heads', {
  taskId: text('task_id')
    .primaryKey()
    .references(() => tasks.id, { onDelete: 'cascade' }),
  lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
})

/** The live log, append-only. `seq` counts per task, from 1, without gaps. */
export const events = pgTable(
  'events',
  {
    taskId: text('task_id')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    attemptId: text('attempt_id').notNull(),
    at: at('at').notNull().defaultNow(),
    phase: text('phase').notNull(),
    kind: text('kind').notNull(),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.seq] })],
)

export const diffs = pgTable('diffs', {
  attemptId: text('attempt_id')
    .primaryKey()
    .references(() => attempts.id, { onDelete: 'cascade' }),
  /** Bytes, since a patch need not be valid UTF-8. */
  patch: bytea('patch').notNull(),
  files: integer('files').notNull(),
  additions: integer('additions').notNull(),
  deletions: integer('deletions').notNull(),
})

export const pullRequests = pgTable('pull_requests', {
  attemptId: text('attempt_id')
    .primaryKey()
    .references(() => attempts.id, { onDelete: 'cascade' }),
  number: integer('number').notNull(),
  url: text('url').notNull(),
  createdAt: createdAt(),
})
