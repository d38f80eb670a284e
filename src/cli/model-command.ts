import { CliCommand } from './cli-command.js'
import { modelCheckCommand } from './model-check-command.js'
import { modelExportCommand } from './model-export-command.js'
import { modelInferCommand } from './model-infer-command.js'

/** `synapse-migrator model`. */
export function modelCommand(): CliCommand {
  return new CliCommand('model')
    .summary('export, check or infer the model of custom modules')
    .description(
      'Models of custom modules, without Python: what --model of other commands is given; see docs/model-file.md.',
    )
    .usage('export|check|infer [options]')
    .helpCommand(false)
    .addCommand(modelExportCommand())
    .addCommand(modelCheckCommand())
    .addCommand(modelInferCommand())
}
