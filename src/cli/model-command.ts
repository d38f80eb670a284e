import { CliCommand } from './cli-command.js'
import { modelCheckCommand } from './model-check-command.js'
import { modelExportCommand } from './model-export-command.js'

/** `synapse-migrator model`. */
export function modelCommand(): CliCommand {
  return new CliCommand('model')
    .summary('export or check the model of custom modules')
    .description(
      'Models of custom modules, without Python: what --model of other commands is given; see docs/model-file.md.',
    )
    .usage('export|check [options]')
    .helpCommand(false)
    .addCommand(modelExportCommand())
    .addCommand(modelCheckCommand())
}
