package dev.switchboard.spring;

import com.zaxxer.hikari.HikariDataSource;
import dev.switchboard.accounts.AccountSettings;
import dev.switchboard.data.DataSettings;
import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.TablePublisher;
import dev.switchboard.engine.postgres.listener.DeadLetters;
import dev.switchboard.engine.postgres.listener.PostgresDeadLetters;
import dev.switchboard.http.HttpLimits;
import dev.switchboard.http.HttpSettings;
import dev.switchboard.http.TlsIdentity;
import dev.switchboard.server.Switchboard;
import dev.switchboard.server.SwitchboardBuilder;
import dev.switchboard.tokens.OidcSettings;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.URI;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.LazyInitializationExcludeFilter;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/** The server, the listeners, and what actuator says of them. */
@AutoConfiguration(
        afterName = {
            "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration",
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration"
        },
        beforeName =
                "org.springframework.boot.health.autoconfigure.registry.HealthContributorRegistryAutoConfiguration")
@ConditionalOnProperty(prefix = "switchboard", name = "enabled", matchIfMissing = true)
@EnableConfigurationProperties(SwitchboardProperties.class)
public class SwitchboardAutoConfiguration {
    private static final Logger LOG = LoggerFactory.getLogger(SwitchboardAutoConfiguration.class);
    private static final String RESOURCE_SERVER = "spring.security.oauth2.resourceserver.jwt.";

    /**
     * Where the database is: {@code switchboard.database}, else where the application's own DataSource is. Connections of their
     * own are made there: they carry roles, claims and settings of sessions, which the application's must not.
     */
    @Bean
    @ConditionalOnMissingBean
    SwitchboardDatabase switchboardDatabase(
            SwitchboardProperties properties,
            ObjectProvider<JdbcConnectionDetails> details,
            ObjectProvider<DataSource> dataSources) {
        return new SwitchboardDatabase(database(properties, details, dataSources));
    }

    private static Database database(
            SwitchboardProperties properties,
            ObjectProvider<JdbcConnectionDetails> details,
            ObjectProvider<DataSource> dataSources) {
        SwitchboardProperties.Connection named = properties.database();
        if (named.url() != null) {
            return new Database(named.url(), text(named.username()), text(named.password()));
        }
        JdbcConnectionDetails application = details.getIfAvailable();
        if (application != null) {
            return new Database(
                    application.getJdbcUrl(), text(application.getUsername()), text(application.getPassword()));
        }
        DataSource dataSource = dataSources.getIfAvailable();
        try {
            if (dataSource != null && dataSource.isWrapperFor(HikariDataSource.class)) {
                HikariDataSource pool = dataSource.unwrap(HikariDataSource.class);
                return new Database(pool.getJdbcUrl(), text(pool.getUsername()), text(pool.getPassword()));
            }
        } catch (SQLException failed) {
            LOG.debug("The DataSource does not say where its database is", failed);
        }
        throw new InvalidSettingException(
                "Switchboard does not know where the database is: the application has no DataSource of"
                        + " spring.datasource. Set switchboard.database.url, .username and .password, or switchboard.enabled=false");
    }

    private static String text(@org.jspecify.annotations.Nullable String value) {
        return value == null ? "" : value;
    }

    /** What the database lacks is made at the start. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnProperty(prefix = "switchboard", name = "prepare", havingValue = "true")
    SwitchboardPreparation switchboardPreparation(SwitchboardDatabase database, SwitchboardProperties properties) {
        return new SwitchboardPreparation(
                database.database(), properties.server().slot());
    }

    /** The server; its parts are those that the properties name. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnProperty(prefix = "switchboard.server", name = "enabled", matchIfMissing = true)
    SwitchboardServer switchboardServer(
            SwitchboardProperties properties,
            SwitchboardDatabase database,
            Environment environment,
            ObjectProvider<SslBundles> bundles,
            ObjectProvider<SwitchboardCustomizer> customizers) {
        Optional<ServerBundle> tls = Optional.ofNullable(properties.server().sslBundle())
                .map(name -> new ServerBundle(name, bundles.getObject()));
        return new SwitchboardServer(
                () -> {
                    publish(properties.server().publish(), database.database());
                    SwitchboardBuilder builder = builder(
                            properties.server(), database.database(), tls.map(ServerBundle::identity), environment);
                    customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
                    return builder.start();
                },
                tls);
    }

    private static void publish(List<String> tables, Database database) {
        var publisher = new TablePublisher(database, Switchboard.PUBLICATION);
        for (String table : tables) {
            publisher
                    .publish(TableName.parse(table), TablePublisher.Identity.KEEP)
                    .forEach(LOG::info);
        }
    }

    private static SwitchboardBuilder builder(
            SwitchboardProperties.Server server,
            Database database,
            Optional<TlsIdentity> tls,
            Environment environment) {
        SwitchboardBuilder builder = Switchboard.with(database)
                .directory(server.directory())
                .slot(server.slot())
                .http(new HttpSettings(
                        server.host(),
                        server.port(),
                        tls,
                        Optional.ofNullable(server.publicUrl()),
                        server.corsOrigins(),
                        List.of("*"),
                        HttpLimits.defaults()));
        Optional.ofNullable(server.jwtSecret()).ifPresent(builder::jwtSecret);
        if (server.dataApi().enabled()) {
            builder.dataApi(DataSettings.of(server.dataApi().schemas()));
        }
        if (server.accounts().enabled()) {
            builder.accounts(AccountSettings.defaults());
        }
        oidc(server.oidc(), environment).ifPresent(builder::oidc);
        return builder;
    }

    /** The identity provider that the properties name, else the one whose tokens Spring Security accepts. */
    private static Optional<OidcSettings> oidc(SwitchboardProperties.Oidc named, Environment environment) {
        Optional<String> keys = Optional.ofNullable(named.jwkSetUri())
                .or(() -> Optional.ofNullable(environment.getProperty(RESOURCE_SERVER + "jwk-set-uri")));
        if (keys.isEmpty()) {
            if (environment.containsProperty(RESOURCE_SERVER + "issuer-uri")) {
                LOG.warn(
                        "Switchboard does not accept tokens of {}: it looks for no keys; set {}jwk-set-uri",
                        environment.getProperty(RESOURCE_SERVER + "issuer-uri"),
                        RESOURCE_SERVER);
            }
            return Optional.empty();
        }
        String issuer = Optional.ofNullable(named.issuer())
                .or(() -> Optional.ofNullable(environment.getProperty(RESOURCE_SERVER + "issuer-uri")))
                .orElseThrow(() -> new InvalidSettingException(
                        "tokens of " + keys.get() + " are accepted, and nothing says whose they are: set "
                                + RESOURCE_SERVER + "issuer-uri or switchboard.server.oidc.issuer"));
        String audience = Optional.ofNullable(named.audience())
                .or(() -> audiences(environment).stream().findFirst())
                .orElseThrow(() -> new InvalidSettingException(
                        "tokens of " + issuer + " are accepted, and nothing says which are for this application: set "
                                + RESOURCE_SERVER + "audiences or switchboard.server.oidc.audience"));
        return Optional.of(
                new OidcSettings(issuer, URI.create(keys.get()), audience, OidcSettings.mapping(named.claims())));
    }

    private static List<String> audiences(Environment environment) {
        return Binder.get(environment)
                .bind(RESOURCE_SERVER + "audiences", Bindable.listOf(String.class))
                .orElse(List.of());
    }

    /** An application whose beans are made when they are asked for would never hear: nobody asks for these. */
    @Bean
    static LazyInitializationExcludeFilter switchboardLazyInitialization() {
        return (_, _, type) -> SwitchboardServer.class.isAssignableFrom(type) || ListenerContainer.listens(type);
    }

    /** Where dead letters go, if the application keeps them nowhere else. */
    @Bean
    @ConditionalOnMissingBean
    DeadLetters switchboardDeadLetters(SwitchboardDatabase database) {
        return new PostgresDeadLetters(database.database());
    }

    /** Lets annotated methods hear; static, since it looks at every other bean. */
    @Bean
    @ConditionalOnProperty(prefix = "switchboard.listeners", name = "enabled", matchIfMissing = true)
    static ListenerContainer switchboardListeners(
            ObjectProvider<SwitchboardDatabase> database,
            ObjectProvider<DeadLetters> deadLetters,
            ObjectProvider<GapListener> gaps) {
        return new ListenerContainer(new ListenerContainer.Surroundings() {
            @Override
            public Database database() {
                return database.getObject().database();
            }

            @Override
            public DeadLetters deadLetters() {
                return deadLetters.getObject();
            }

            @Override
            public GapListener gaps() {
                return gaps.getIfAvailable(() ->
                        (listener, why) -> LOG.error("Changes for listener {} may be missing: {}", listener, why));
            }
        });
    }

    /** With actuator's metrics. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    static class Meters {
        @Bean
        @ConditionalOnBean(MeterRegistry.class)
        SwitchboardCustomizer switchboardMeters(MeterRegistry registry) {
            return builder -> builder.meters(registry);
        }
    }

    /** With actuator's health. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(HealthIndicator.class)
    static class HealthConfiguration {
        @Bean
        @ConditionalOnMissingBean(name = "switchboardHealthIndicator")
        HealthIndicator switchboardHealthIndicator(
                ObjectProvider<SwitchboardServer> server, ObjectProvider<ListenerContainer> listeners) {
            return new SwitchboardHealthIndicator(
                    Optional.ofNullable(server.getIfAvailable()), Optional.ofNullable(listeners.getIfAvailable()));
        }
    }
}
