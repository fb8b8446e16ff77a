export {
  createRegistryClient,
  type OnChange,
  type Publication,
  type RegistryClient,
  type RegistryClientOptions,
  type Subscription,
} from './client/registry-client.ts'
export { registryErrors } from './errors.ts'
