package dev.switchboard.engine;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Instant;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;

@AnalyzeClasses(packages = "dev.switchboard.engine", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule packagesUseOnlyThoseBeforeThem = layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .layer("model")
            .definedBy("..engine.model")
            .layer("memory")
            .definedBy("..engine.memory")
            .layer("decode")
            .definedBy("..engine.decode")
            .layer("route")
            .definedBy("..engine.route")
            .layer("authorize")
            .definedBy("..engine.authorize")
            .layer("presence")
            .definedBy("..engine.presence")
            .layer("protocol")
            .definedBy("..engine.protocol")
            .layer("encode")
            .definedBy("..engine.encode")
            .layer("deliver")
            .definedBy("..engine.deliver")
            .layer("journal")
            .definedBy("..engine.journal")
            .layer("history")
            .definedBy("..engine.history")
            .layer("channel")
            .definedBy("..engine.channel")
            .layer("pipeline")
            .definedBy("..engine.pipeline")
            .layer("explain")
            .definedBy("..engine.explain")
            .layer("root")
            .definedBy("dev.switchboard.engine")
            .whereLayer("model")
            .mayNotAccessAnyLayer()
            .whereLayer("memory")
            .mayNotAccessAnyLayer()
            .whereLayer("decode")
            .mayOnlyAccessLayers("model")
            .whereLayer("route")
            .mayOnlyAccessLayers("model")
            .whereLayer("authorize")
            .mayOnlyAccessLayers("model", "route")
            .whereLayer("presence")
            .mayOnlyAccessLayers("model")
            .whereLayer("protocol")
            .mayOnlyAccessLayers("model", "presence")
            .whereLayer("encode")
            .mayOnlyAccessLayers("model", "authorize", "protocol")
            .whereLayer("deliver")
            .mayOnlyAccessLayers("model", "encode", "protocol")
            .whereLayer("journal")
            .mayOnlyAccessLayers("model", "route", "authorize", "protocol", "deliver")
            .whereLayer("history")
            .mayOnlyAccessLayers("model")
            .whereLayer("channel")
            .mayOnlyAccessLayers(
                    "model",
                    "memory",
                    "decode",
                    "route",
                    "authorize",
                    "presence",
                    "protocol",
                    "encode",
                    "deliver",
                    "journal")
            .whereLayer("pipeline")
            .mayOnlyAccessLayers(
                    "model",
                    "decode",
                    "route",
                    "authorize",
                    "protocol",
                    "encode",
                    "deliver",
                    "journal",
                    "history",
                    "channel")
            .whereLayer("explain")
            .mayOnlyAccessLayers("model", "route", "authorize", "protocol", "deliver", "journal", "channel", "pipeline")
            .whereLayer("root")
            .mayNotBeAccessedByAnyLayer();

    @ArchTest
    static final ArchRule noClockOrChanceOfItsOwn = noClasses()
            .should()
            .callMethod(Instant.class, "now")
            .orShould()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(Math.class, "random")
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(Random.class)
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(ThreadLocalRandom.class)
            .because("time and chance are passed in");

    @ArchTest
    static final ArchRule noSleepOfItsOwn =
            noClasses().should().callMethod(Thread.class, "sleep", long.class).because("waiting is a port");

    @ArchTest
    static final ArchRule noInputOrOutput = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("java.io", "java.net..", "java.nio.file..", "java.nio.channels..", "java.sql..")
            .because("the engine is a pure core behind ports");
}
