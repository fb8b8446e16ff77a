import { describeConfig } from '@settee/kit'
import { serverSchema, version } from '@settee/server'

/** What `settee help` prints. */
export function helpText(): string {
  return `Settee ${version}: the financial-grade distributed application stack for TypeScript

Usage: settee COMMAND [OPTIONS]

Commands:
  dev          run the control plane for your own services; state is kept in memory
  server       run the control plane for keeps; needs --data DIR
  init NAME    write a working project with two services into the folder NAME
  help         print this text
  version      print the version

Options of dev and server, each also as an environment variable (--tx.port is SETTEE_TX_PORT):
${describeConfig(serverSchema)}`
}
