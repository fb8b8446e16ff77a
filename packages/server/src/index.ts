export { serverSchema, type ServerConfig } from './config.ts'
export { createControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts'
export { serverErrors } from './errors.ts'
export { version } from './version.ts'
