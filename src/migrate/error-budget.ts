import { MigrationError } from '../errors.js'
import { count } from '../text/table.js'

/** Counts the errors of a run over all layers and steps, and stops it when there are too many. */
export class ErrorBudget {
  private count = 0

  /** @param most null: no limit */
  constructor(
    private readonly most: number | null,
    private readonly destDir: string,
    private readonly isDryRun: boolean,
    /** Called with the count whenever it grows. */
    private readonly tell: (count: number) => void,
  ) {}

  /**
   * Counts errors. They are already in the migration log, so nothing is lost if the run stops here.
   *
   * @throws {MigrationError} ERR_ERROR_BUDGET
   */
  add(errors: number): void {
    this.count += errors
    if (errors > 0) this.tell(this.count)
    if (this.most === null || this.count <= this.most) return
    throw new MigrationError(
      'ERR_ERROR_BUDGET',
      `Stopped after ${count(this.count)} errors: --max-errors allows ${this.most}`,
      {
        hint: this.isDryRun
          ? 'run it with a larger --max-errors, or without'
          : `See them with: synapse-migrator errors ${this.destDir}\n` +
            '      To continue, run the same command with --from-last and a larger --max-errors, or without',
      },
    )
  }
}
