/**
 * Whether every case is asked for, however long it takes (`npm run test:long`). `npm test` leaves out what repeats on
 * further inputs what it has shown on some: more shapes of repositories, more random trees, more kills.
 */
export const IS_LONG = process.env['DRYDOCK_TEST'] === 'long'
