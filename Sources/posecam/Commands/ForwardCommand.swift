import ArgumentParser
import Infer

/// `posecam forward`: tensors through the network, for comparison with other software.
struct ForwardCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forward",
    abstract: "Runs a tensor through the network and writes all stages' maps.",
    discussion: """
      The input file holds a tensor 'input' (N,3,H,W), already normalised. The output file holds stage<k>_heatmaps (N,19,H/8,W/8) \
      and stage<k>_pafs (N,38,H/8,W/8) of every stage. Unless --precision says otherwise, the network computes with 32-bit floats.
      """)

  @OptionGroup var engine: NetworkOptions
  @Option(
    help: ArgumentHelp("Safetensors file with the tensor 'input'.", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var input: String
  @Option(
    name: [.short, .long], help: ArgumentHelp("Safetensors file to write.", valueName: "file"), completion: .file())
  var output: String

  func run() throws {
    try OutputNames.check([output], inputs: [input, engine.model])
    try OutputNames.checkWritable(output)
    let model = try engine.loadModel()
    guard let tensor = try WeightFile(contentsOf: input).tensors["input"] else {
      throw PosecamError("\(input): holds no tensor 'input'")
    }
    guard tensor.shape.count == 4, tensor.shape[0] > 0, tensor.shape[1] == 3 else {
      throw PosecamError("\(input): tensor 'input' has shape \(tensor.shape), the network takes (N,3,H,W)")
    }
    let (count, height, width) = (tensor.shape[0], tensor.shape[2], tensor.shape[3])
    let plan = try engine.plan(model, height: height, width: width, isExact: true)
    var collected: [String: [Float]] = [:]
    let picture = 3 * height * width
    for index in 0..<count {
      tensor.values.withUnsafeBufferPointer {
        plan.setInput(planes: UnsafeBufferPointer(rebasing: $0[index * picture..<(index + 1) * picture]))
      }
      plan.run()
      for (name, _) in model.graph.outputs {
        var planes: [Float] = []
        try plan.copyOutput(name, into: &planes)
        collected[name, default: []] += planes
      }
    }
    let tensors = collected.mapValues { values in
      let cells = plan.outputHeight * plan.outputWidth
      return Tensor(
        shape: [count, values.count / count / cells, plan.outputHeight, plan.outputWidth], values: values)
    }
    try WeightFile(tensors: tensors, metadata: ["model": model.name]).write(to: output)
  }
}
