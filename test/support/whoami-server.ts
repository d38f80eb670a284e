import { type ServerLimits, TelepathServer } from '../../src/telepath/server.js'

/** A telepath server with every share: its one method `whoami` says as whom the caller came, by name alone. */
export function whoamiServer(limits: Partial<ServerLimits> = {}): TelepathServer<string> {
  return new TelepathServer<string>({
    hasShare: () => true,
    authenticate: async (auth) => auth?.name ?? 'nobody',
    open: () => ({
      classes: ['test.Test'],
      version: [2, 0, 0],
      methods: new Map([['whoami', { run: ({ user }: { user: string }) => user }]]),
    }),
    log: () => {},
    limits,
  })
}
