import type { Check } from './check.js'
import { binding } from './checks/binding.js'
import { destCortex } from './checks/dest-cortex.js'
import { destInUse } from './checks/dest-in-use.js'
import { destReplaced } from './checks/dest-replaced.js'
import { diskSpace } from './checks/disk-space.js'
import { extensions } from './checks/extensions.js'
import { fileOwner } from './checks/file-owner.js'
import { idens } from './checks/idens.js'
import { largeSlabs } from './checks/large-slabs.js'
import { layerVersions } from './checks/layer-versions.js'
import { layersFound } from './checks/layers-found.js'
import { leftOut } from './checks/left-out.js'
import { modelCover } from './checks/model-cover.js'
import { modelFiles } from './checks/model-files.js'
import { openFiles } from './checks/open-files.js'
import { owners } from './checks/owners.js'
import { paths } from './checks/paths.js'
import { readable } from './checks/readable.js'
import { remoteLayers } from './checks/remote-layers.js'
import { sharedSlabs } from './checks/shared-slabs.js'
import { smallerLayers } from './checks/smaller-layers.js'
import { sourceVersion } from './checks/source-version.js'
import { splicesOff } from './checks/splices-off.js'
import { stepOrder } from './checks/step-order.js'
import { writable } from './checks/writable.js'
import { yamlFiles } from './checks/yaml-files.js'

/** Every check, in the order of its findings. A test checks that no file of `checks/` is missing. */
export const CHECKS = {
  binding,
  paths,
  readable,
  writable,
  destInUse,
  destCortex,
  destReplaced,
  remoteLayers,
  layersFound,
  idens,
  layerVersions,
  yamlFiles,
  sourceVersion,
  diskSpace,
  largeSlabs,
  openFiles,
  fileOwner,
  leftOut,
  sharedSlabs,
  smallerLayers,
  owners,
  extensions,
  modelFiles,
  modelCover,
  splicesOff,
  stepOrder,
} satisfies Record<string, Check>
