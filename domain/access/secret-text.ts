import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits as text that fits into a header, a cookie and a URL. */
export const randomSecret = () => randomBytes(32).toString('base64url')

/** What the database knows a secret by: 256 random bits need no salt. */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
