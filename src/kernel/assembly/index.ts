// The entry of the kernel: what it exports is what JavaScript may call. See ARCHITECTURE.md, "The kernel".
export { isSure, newCheck, newTable, setCheckItem } from './checks'
export {
  addIndexRow,
  clearIndexRows,
  forgetGroupKeys,
  groupKeys,
  newIndexRows,
} from './index-rows'
export { addRow, finishPages, freePages, newPages } from './leaf-pages'
export { allocate, release } from './memory'
export { newForm, newValue, takeNodes } from './node-plans'
export { beginRows, beginWindow, endRows, lastBuid, nextPage, nodeRowCount, nodeRows } from './node-rows'
export {
  addOwner,
  beginRun,
  faultKey,
  faultKeyLength,
  forgetNames,
  formOfData,
  indexRows,
  limitNodes,
  ownerBuids,
  ownerCount,
  readNodes,
  rowFault,
  takeNodeCount,
  takeRowCount,
  takeTypedCount,
} from './nodes'
export { freeMerge, mergeToPages, mergeToRun, newMerge, takeRange } from './run-merge'
export { clearSection, newRunOut, newSection } from './run-out'
export { sha256 } from './sha256'
export { freshGroups, writeSection } from './sort-rows'
export { addSpliceName, addSplices, beginSplices, clearSpliceNames, endSplices, newSplices } from './splices'
