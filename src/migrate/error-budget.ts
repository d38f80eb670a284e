import { MigrationError } from '../errors.js'
import { count } from '../text/table.js'

/** The errors of a run, all layers and steps together, and how many are too many. */
export class ErrorBudget {
  private count = 0

  /** @param most null: there is no limit */
  constructor(
    private readonly most: number | null,
    private readonly destDir: string,
    private readonly isDryRun: boolean,
    /** Told the count whenever it grows. */
    private readonly tell: (count: number) => void,
  ) {}

  /**
   * Counts errors, which the migration log holds already: nothing is lost when the run stops here.
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
