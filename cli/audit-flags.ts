/** Which entries of the audit log. */
export const AUDIT_FILTER = {
  actor: { type: 'string', value: 'WHO', help: 'what this one did, by id or name' },
  action: { type: 'string', value: 'ACTION', help: 'as in environment.update' },
  target: { type: 'string', value: 'WHAT', help: 'what was done to this, by id or name' },
  since: { type: 'string', value: 'TIME', help: 'from then on, as in 2030-01-31T00:00:00Z' },
  until: { type: 'string', value: 'TIME', help: 'before then' },
} as const

type Flags = { [K in keyof typeof AUDIT_FILTER]: string | undefined }

export const filterOf = ({ actor, action, target, since, until }: Flags) => ({ actor, action, target, since, until })
