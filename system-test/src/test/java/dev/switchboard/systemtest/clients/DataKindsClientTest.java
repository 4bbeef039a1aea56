package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.SupabaseClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The kinds of KF4 to KF20 by the builders of the official clients, unmodified. */
@Tag("node")
class DataKindsClientTest {
    private static final String NEWEST = "supabase-js-2.119";
    private static final String FORMER = "supabase-js-2.109";

    private static TestServer server;
    private static SupabaseClient clients;

    @BeforeAll
    static void start() throws SQLException {
        server = TestServer.with().data(DataSchema.settings("public")).start();
        DataSchema.createKinds(server.database());
        clients = new SupabaseClient();
        for (String library : List.of(NEWEST, FORMER)) {
            clients.connect(library, library, server, null, null);
        }
    }

    @AfterAll
    static void stop() {
        clients.close();
        server.close();
    }

    private static JsonNode gives(String library, String chain, String data) {
        JsonNode result = clients.run(library, chain);
        assertThat(result.path("error").isNull() || result.path("error").isMissingNode())
                .as("%s gives %s", chain, result)
                .isTrue();
        assertThat(result.path("data")).as(chain).isEqualTo(JsonMapper.shared().readTree(data.replace('\'', '"')));
        return result;
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void KF10_KF11_KF12_KF13_relationships(String library) {
        gives(
                library,
                "[['from','node'],['select','id,children:node!parent_id(id)'],['eq','id',1],['order','id',{'referencedTable':'children'}]]",
                "[{'id':1,'children':[{'id':2},{'id':3}]}]");
        gives(
                library,
                "[['from','node'],['select','id,parent_id(id)'],['eq','id',4]]",
                "[{'id':4,'parent_id':{'id':2}}]");
        gives(
                library,
                "[['from','task'],['select','id,owner!inner(name)'],['eq','owner.name','Zeta'],['single']]",
                "{'id':4,'owner':{'name':'Zeta'}}");
        gives(
                library,
                "[['from','project'],['select','id,the_tasks:task(name)'],['eq','id',1],['order','name',{'referencedTable':'task'}]]",
                "[{'id':1,'the_tasks':[{'name':'nail'},{'name':'tile'}]}]");
        gives(
                library,
                "[['from','book'],['select','title,author(name),shelf(place)'],['eq','id',3],['maybeSingle']]",
                "{'title':'Walks','author':{'name':'Bob'},'shelf':[{'place':'attic'}]}");
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void KF14_functions(String library) {
        assertThat(gives(library, "[['rpc','counted',{},{'count':'exact'}]]", "7")
                        .path("count")
                        .asInt())
                .isEqualTo(1);
        assertThat(gives(library, "[['rpc','scalars',{'n':3},{'count':'exact','get':true}]]", "[1,2,3]")
                        .path("count")
                        .asInt())
                .isEqualTo(3);
        gives(library, "[['rpc','joined',{'words':['a','b']}]]", "'a+b'");
        gives(library, "[['rpc','whole_json',{'a':5}]]", "'json:5'");
        gives(
                library,
                "[['rpc','good'],['select','name,client_id(name)']]",
                "{'name':'Roof','client_id':{'name':'Acme'}}");
        JsonNode ambiguous = clients.run(library, "[['rpc','over',{'a':1}]]");
        assertThat(ambiguous.path("error").path("code").asString("")).isEqualTo("PGRST203");
        JsonNode raised = clients.run(library, "[['rpc','raised']]");
        assertThat(raised.path("status").asInt()).isEqualTo(402);
        assertThat(raised.path("error").path("message").asString("")).isEqualTo("Pay first");
    }

    @ParameterizedTest
    @ValueSource(strings = {NEWEST, FORMER})
    void KF4_KF16_KF17_KF20_filtersRangesAndRepresentations(String library) {
        gives(
                library,
                "[['from','colors'],['select','id'],['in','name',['red','blue']],['order','id']]",
                "[{'id':1},{'id':3}]");
        gives(
                library,
                "[['from','colors'],['select','id'],['or','id.eq.1, and (id.gt.2, id.lt.4)'],['order','id']]",
                "[{'id':1},{'id':3}]");
        gives(
                library,
                "[['from','vector_words'],['select','id'],['textSearch','words','cat',{'config':'english'}]]",
                "[{'id':1}]");
        JsonNode beyond = clients.run(library, "[['from','rows15'],['select','id',{'count':'exact'}],['range',20,25]]");
        assertThat(beyond.path("error").path("code").asString("")).isEqualTo("PGRST103");
        gives(library, "[['from','paint'],['select','hue'],['eq','hue','#0000ff'],['single']]", "{'hue':'#0000ff'}");
        gives(
                library,
                "[['from','paint'],['update',{'hue':'#00ff00'}],['eq','id',2],['select','id,hue'],['rollback']]",
                "[{'id':2,'hue':'#00ff00'}]");
        JsonNode upserted = clients.run(
                library, "[['from','parts'],['upsert',[{'id':7,'region':'a','n':1}]],['select','n'],['rollback']]");
        assertThat(upserted.path("status").asInt()).isEqualTo(201);
    }
}
