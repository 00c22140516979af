import { z } from '@hono/zod-openapi'
import { SCOPES } from '../../domain/access/principal.ts'
import { DrydockError } from '../../domain/errors.ts'
import { DEVICE_MINUTES, beginDevice, redeemDevice } from '../../domain/sign-in/device-codes.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import type { Gate } from '../gate.ts'
import { defineRoute } from '../route.ts'
import { MadeTokenSchema, tokenJson } from '../schemas/access.ts'
import { body, json, line, problems } from '../schemas/common.ts'
import { ownUrl } from '../sign-in/origin.ts'
import { DEVICE_PAGE } from './device-page.ts'

const MINUTE_SECONDS = 60
const POLL_SECONDS = 5

const NewDeviceSchema = z
  .strictObject({
    client: line(100).openapi({ description: 'What asks, and where: people see it, and the token gets this name' }),
    scopes: z.array(z.enum(SCOPES)).min(1).default(['read', 'write']),
  })
  .openapi('NewDevice')
/** In the words of RFC 8628. */
const DeviceSchema = z
  .object({
    device_code: z.string(),
    user_code: z.string(),
    verification_uri: z.string(),
    expires_in: z.int(),
    interval: z.int(),
  })
  .openapi('Device')
const DeviceTokenSchema = z.strictObject({ device_code: z.string().max(200) }).openapi('DeviceToken')

export type NewDeviceJson = z.input<typeof NewDeviceSchema>
export type DeviceJson = z.infer<typeof DeviceSchema>
export type MadeTokenJson = z.infer<typeof MadeTokenSchema>

const begin = defineRoute({
  method: 'post',
  path: '/auth/device',
  needs: 'nobody',
  audit: 'none',
  request: { body: body(NewDeviceSchema) },
  responses: { 200: json('A code for a person to type, and one to ask for the token with', DeviceSchema), ...problems },
})
const redeem = defineRoute({
  method: 'post',
  path: '/auth/device/token',
  needs: 'nobody',
  audit: 'token.create',
  request: { body: body(DeviceTokenSchema) },
  responses: {
    201: json('The token of who confirmed; "authorization-pending" while nobody has', MadeTokenSchema),
    ...problems,
  },
})

/** What a program without a browser asks for a token. */
export function deviceRoutes(deps: ApiDeps, gate: Gate) {
  const { db } = deps
  return newRouter(deps)
    .openapi(begin, async (c) => {
      gate.admitAddress(c)
      const { deviceCode, userCode } = await beginDevice(db, { ...c.req.valid('json'), address: gate.addressOf(c) })
      const answer = {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: `${ownUrl(deps, c)}${DEVICE_PAGE}`,
        expires_in: DEVICE_MINUTES * MINUTE_SECONDS,
        interval: POLL_SECONDS,
      }
      return c.json(answer, 200)
    })
    .openapi(redeem, async (c) => {
      const { device_code: deviceCode } = c.req.valid('json')
      gate.admitDevice(c, deviceCode)
      const redeemed = await gate.lookUp(c, deviceCode, (address) => redeemDevice(db, { deviceCode, address }))
      if (redeemed?.kind === 'made') return c.json({ ...tokenJson(redeemed.view), token: redeemed.token }, 201)
      throw refusalOf(redeemed?.kind)
    })
}

function refusalOf(kind: 'waiting' | 'denied' | undefined): DrydockError {
  switch (kind) {
    case 'waiting':
      return new DrydockError('authorization-pending', 'Cannot give a token yet: nobody has confirmed the code')
    case 'denied':
      return new DrydockError('access-denied', 'Cannot give a token: the person said no')
    case undefined:
      return new DrydockError('device-code-expired', 'Cannot give a token: this code is unknown, used or over')
    default:
      return kind satisfies never
  }
}
