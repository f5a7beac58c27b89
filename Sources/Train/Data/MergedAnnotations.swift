import Foundation

extension KeypointAnnotations {
  /// Several data sets as one, with ids of its own and the pictures' names as seen from one folder.
  ///
  /// A picture that two files list is taken from the first.
  /// - Parameters:
  ///   - parts: annotations and the folders of their pictures, wherever those are.
  ///   - name: of the file that it becomes; its folder is where names start.
  public static func merged(
    _ parts: [(annotations: KeypointAnnotations, images: String)], as name: String
  ) -> (annotations: KeypointAnnotations, problems: Problems) {
    let home = place(URL(fileURLWithPath: name).deletingLastPathComponent())
    var (pictures, problems, people) = ([AnnotatedPicture](), Problems(), 0)
    var known: Set<String> = []
    for (annotations, images) in parts {
      let folder = place(URL(fileURLWithPath: images, isDirectory: true))
      let source = (annotations.name as NSString).lastPathComponent
      for var picture in annotations.pictures {
        let path = folder.appendingPathComponent(picture.fileName).standardizedFileURL
        guard known.insert(path.path).inserted else {
          problems.add("picture that was listed before, left out", "\(picture.fileName) of \(annotations.name)")
          continue
        }
        picture.fileName = relative(path, to: home)
        picture.id = pictures.count + 1
        picture.source = picture.source ?? (source as NSString).deletingPathExtension
        for person in picture.people.indices {
          people += 1
          picture.people[person].id = people
        }
        pictures.append(picture)
      }
    }
    return (KeypointAnnotations(name: name, pictures: pictures), problems)
  }

  private static func place(_ folder: URL) -> URL { folder.standardizedFileURL.resolvingSymlinksInPath() }

  private static func relative(_ file: URL, to folder: URL) -> String {
    let (path, base) = (file.pathComponents, folder.pathComponents)
    let common = zip(path, base).prefix { $0 == $1 }.count
    return ([String](repeating: "..", count: base.count - common) + path[common...]).joined(separator: "/")
  }
}
