import { describe, expect, it } from 'vitest'
import { Bag } from '../../../../sandbox-policy/gateway/bag.ts'

const sorted = (bag: Bag<string>) =>
  bag
    .places()
    .map(({ item }) => item)
    .sort()

describe('Bag', () => {
  it('holds what was added and not removed, in whichever order it goes', () => {
    const bag = new Bag<string>()
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((item) => bag.add(item))
    bag.remove(b!)
    expect(sorted(bag)).toEqual(['a', 'c', 'd'])
    bag.remove(d!)
    bag.remove(a!)
    expect(sorted(bag)).toEqual(['c'])
    bag.remove(c!)
    expect(bag.size).toBe(0)
  })

  it('removes a thing once: what has taken its place stays', () => {
    const bag = new Bag<string>()
    const first = bag.add('first')
    bag.add('second')
    bag.remove(first)
    bag.remove(first)
    expect(sorted(bag)).toEqual(['second'])
  })

  it('gives the items of a moment: they can be removed meanwhile', () => {
    const bag = new Bag<string>()
    for (const item of ['a', 'b', 'c']) bag.add(item)
    for (const place of bag.places()) bag.remove(place)
    expect(bag.size).toBe(0)
  })
})
