package dev.switchboard.callcenter.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.callcenter.command.CallRules;
import dev.switchboard.http.Response;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The table of endpoints, {@code endpoints.txt}. */
class EndpointTableTest {
    private static final Endpoint.Action NOTHING = _ -> Response.empty(204);

    @Test
    void anEndpointIsReadWithItsFields() {
        List<Endpoint> endpoints = EndpointTable.parse("""
                # a comment

                POST /things/{id} both
                    Does something
                    name*  text     what it is called
                    size   integer  in bytes
                """, Map.of("POST /things/{id}", NOTHING));

        assertThat(endpoints)
                .containsExactly(new Endpoint(
                        "POST",
                        "/things/{id}",
                        Endpoint.Who.BOTH,
                        "Does something",
                        List.of(
                                new Endpoint.Field("name", Endpoint.FieldType.TEXT, true, "what it is called"),
                                new Endpoint.Field("size", Endpoint.FieldType.INTEGER, false, "in bytes")),
                        NOTHING));
    }

    @Test
    void anEndpointWithoutActionAndAnActionWithoutEndpointAreRefused() {
        assertThatThrownBy(() -> EndpointTable.parse("GET /things user\n    Lists them\n", Map.of()))
                .hasMessageContaining("nothing is done for GET /things user");
        assertThatThrownBy(() -> EndpointTable.parse("", Map.of("GET /things", NOTHING)))
                .hasMessageContaining("lacks [GET /things]");
        assertThatThrownBy(() -> EndpointTable.parse("GET /things\n    Lists them\n", Map.of()))
                .hasMessageContaining("not METHOD PATH WHO");
    }

    @Test
    void whatTheTableSaysOfOffersIsTheRule() throws Exception {
        String table = Files.readString(Path.of("src/main/resources/dev/switchboard/callcenter/api/endpoints.txt"));

        assertThat(table).contains("at most " + CallRules.MOST_OFFERED + " agents;");
    }
}
