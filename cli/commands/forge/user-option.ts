/** For administrators of members. */
export const USER_OPTION = {
  user: { type: 'string', value: 'USER', help: 'somebody else: an id, a name or an e-mail' },
} as const
