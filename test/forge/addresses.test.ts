import { expect, test } from 'vitest'
import { checkAddress } from '../../forge/addresses.ts'
import { githubAddress, parseAddress } from '../../forge/parse-address.ts'
import { isPublicAddress } from '../../forge/public-address.ts'

test.each([
  ['https://Example.com/a/b.git', { kind: 'http', url: 'https://example.com/a/b.git', host: 'example.com', port: 443 }],
  ['http://h:8080/a', { kind: 'http', url: 'http://h:8080/a', host: 'h', port: 8080 }],
  ['https://[2606:4700::1]/a', { kind: 'http', url: 'https://[2606:4700::1]/a', host: '[2606:4700::1]', port: 443 }],
  ['ssh://git@h:2222/a/b', { kind: 'ssh', url: 'ssh://git@h:2222/a/b', host: 'h', port: 2222 }],
  ['git@h.example:a/b.git', { kind: 'ssh', url: 'git@h.example:a/b.git', host: 'h.example', port: 22 }],
  ['/srv/with space.git', { kind: 'path', path: '/srv/with space.git' }],
])('parseAddress() takes %s apart', (text, address) => {
  expect(parseAddress(text)).toEqual(address)
})

test.each([
  '',
  'ext::sh -c id',
  'ext::sh%20-c%20id',
  'file:///etc',
  'git://h/a',
  'ftp://h/a',
  '--upload-pack=id',
  '-oProxyCommand=id',
  'ssh://-oProxyCommand=id/a',
  'ssh://git@-oProxyCommand=id/a',
  '-oProxyCommand=id@h:a',
  'git@-oProxyCommand=id:a',
  'ssh://h/$(id)',
  'ssh://h/a;id',
  'git@h:-a',
  'git@h:`id`',
  'https://user@h/a',
  'https://user:pw@h/a',
  'https://h/a?x=1',
  'https://h/a#x',
  'https://h\\@evil/a',
  'https://h/a\nb',
  'https://h\u3002evil/a',
  'https://\uff41.com/a',
  'https://h:0/a',
  'https://h:99999/a',
  'https:///a',
  '/srv/a\u0000b',
  'relative/../path/x',
  'C:\\repo',
])('parseAddress() refuses %j', (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'repository-refused' }))
})

test('parseAddress() does not repeat a credential', () => {
  expect(() => parseAddress('https://user:secret@h/a')).toThrow(expect.not.stringMatching('secret'))
})

test.each(['a', 'a/b/c', '../b', 'a/..', '-a/b', 'a/b?c', 'a b/c'])('githubAddress() refuses %j', (name) => {
  expect(() => githubAddress(name, 'https://github.com')).toThrow(
    expect.objectContaining({ code: 'repository-refused' }),
  )
})

test.each([
  ['93.184.216.34', true],
  ['2606:4700::1111', true],
  ['10.0.0.1', false],
  ['172.16.0.1', false],
  ['192.168.1.1', false],
  ['100.64.0.1', false],
  ['127.0.0.1', false],
  ['0.0.0.0', false],
  ['169.254.169.254', false],
  ['168.63.129.16', false],
  ['192.0.2.1', false],
  ['198.18.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::127.0.0.1', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:a9fe:a9fe', false],
  ['64:ff9b::10.0.0.1', false],
  ['64:ff9b::93.184.216.34', true],
  ['64:ff9b:1::10.0.0.1', false],
  ['2002:7f00:1::', false],
  ['2001:0:0:0:0:0:80ff:fffe', false],
  ['fec0::1', false],
  ['2001:db8::1', false],
  ['4000::1', false],
  ['nonsense', false],
])('isPublicAddress() of %s is %s', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic)
})

test.each([
  ['all private', ['10.0.0.1'], false],
  ['one private', ['93.184.216.34', '10.0.0.1'], false],
  ['metadata', ['169.254.169.254'], false],
  ['public', ['93.184.216.34'], true],
])('checkAddress() vets the whole answer: %s', async (_, answers, passes) => {
  const options = { repositoryRoots: [], allowedHosts: [], resolve: async () => answers }
  const check = checkAddress('https://h.example/a', options)
  if (passes) await expect(check).resolves.toBeUndefined()
  else
    await expect(check).rejects.toMatchObject({
      code: 'repository-refused',
      message: expect.stringContaining('allowedHosts'),
    })
  await checkAddress('https://h.example/a', { ...options, allowedHosts: ['H.example:443'] })
})

test.each(['http://127.1/a', 'http://2130706433/a', 'http://0x7f000001/a', 'http://0177.0.0.1/a', 'http://[::1]/a'])(
  'checkAddress() sees loopback in %s',
  async (address) => {
    const check = checkAddress(address, { repositoryRoots: [], allowedHosts: [] })
    await expect(check).rejects.toMatchObject({ code: expect.stringMatching(/repository-refused|forge-unavailable/) })
  },
)
