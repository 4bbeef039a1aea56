import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaFileObject;
import javax.tools.ToolProvider;

/**
 * How long methods are, in lines from the signature to the closing brace: median, 90th percentile, and the longest. Those
 * without a body do not count. Run it from the project's root: {@code java tools/MethodLengths.java [folder ...]}.
 */
final class MethodLengths {
    private static final int SHOWN = 10;

    private record Method(String name, long lines) {}

    private MethodLengths() {}

    public static void main(String[] folders) throws IOException {
        List<Path> roots = folders.length > 0
                ? Stream.of(folders).map(Path::of).toList()
                : mainFolders();
        var methods = new ArrayList<Method>();
        var files = new ArrayList<Path>();
        for (Path root : roots) {
            try (Stream<Path> found = Files.walk(root)) {
                found.filter(path -> path.toString().endsWith(".java")).forEach(files::add);
            }
        }
        measure(files, methods);
        if (methods.isEmpty()) {
            System.err.println("No methods in " + roots + "; name folders that hold Java sources.");
            System.exit(2);
        }
        methods.sort(Comparator.comparingLong(Method::lines));
        System.out.printf(
                "%d files, %d methods: median %d lines, 90th percentile %d, longest %d%n",
                files.size(), methods.size(), at(methods, 0.5), at(methods, 0.9), at(methods, 1));
        methods.reversed().stream()
                .limit(SHOWN)
                .forEach(method -> System.out.printf("%5d  %s%n", method.lines(), method.name()));
    }

    private static List<Path> mainFolders() throws IOException {
        try (Stream<Path> modules = Files.list(Path.of(""))) {
            return modules.map(module -> module.resolve("src/main/java"))
                    .filter(Files::isDirectory)
                    .sorted()
                    .toList();
        }
    }

    private static void measure(List<Path> files, List<Method> methods) throws IOException {
        var compiler = ToolProvider.getSystemJavaCompiler();
        try (var manager = compiler.getStandardFileManager(null, null, null)) {
            Iterable<? extends JavaFileObject> sources = manager.getJavaFileObjectsFromPaths(files);
            var task = (JavacTask) compiler.getTask(null, manager, _ -> {}, List.of("-proc:none"), null, sources);
            SourcePositions positions = Trees.instance(task).getSourcePositions();
            for (CompilationUnitTree unit : task.parse()) {
                unit.accept(
                        new TreeScanner<Void, Void>() {
                            @Override
                            public Void visitMethod(MethodTree method, Void nothing) {
                                if (method.getBody() != null && positions.getStartPosition(unit, method) >= 0) {
                                    methods.add(measured(unit, method, positions));
                                }
                                return super.visitMethod(method, nothing);
                            }
                        },
                        null);
            }
        }
    }

    private static Method measured(CompilationUnitTree unit, MethodTree method, SourcePositions positions) {
        var lines = unit.getLineMap();
        long first = lines.getLineNumber(positions.getStartPosition(unit, method));
        long last = lines.getLineNumber(positions.getEndPosition(unit, method));
        String file = Path.of(unit.getSourceFile().toUri()).getFileName().toString();
        return new Method(file + " " + method.getName(), last - first + 1);
    }

    private static long at(List<Method> sorted, double part) {
        return sorted.get((int) Math.min(sorted.size() - 1, Math.floor(part * sorted.size()))).lines();
    }
}
