package dev.switchboard.systemtest.clients;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.data.DataSettings;
import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.SupabaseClient;
import dev.switchboard.systemtest.harness.TestServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Every builder call of the unmodified official data clients. */
@Tag("node")
class DataClientTest {
    private static final String SUPABASE = "supabase-js-2.119";
    private static final String FORMER = "supabase-js-2.109";
    private static final String POSTGREST = "postgrest-js-2.119";

    private static TestServer server;
    private static SupabaseClient clients;

    @BeforeAll
    static void start() throws SQLException {
        server = TestServer.with()
                .data(DataSettings.of(List.of("public", "personal"))
                        .with(new DataSettings.Limits(0, 50_000_000, Duration.ofSeconds(8), 6))
                        .with(new DataSettings.Offers(true, true, true)))
                .start();
        DataSchema.create(server.database());
        clients = new SupabaseClient();
        for (String library : List.of(SUPABASE, FORMER, POSTGREST)) {
            clients.connect(library, library, server, null, null);
        }
    }

    @AfterAll
    static void stop() {
        clients.close();
        server.close();
    }

    /** Runs and compares the data, written with single quotes. */
    private static void gives(String library, String chain, String data) {
        JsonNode result = clients.run(library, chain);
        assertThat(result.path("error").isNull() || result.path("error").isMissingNode())
                .as("%s gives %s", chain, result)
                .isTrue();
        assertThat(result.path("data")).as(chain).isEqualTo(json(data));
    }

    private static void fails(String library, String chain, int status, String code) {
        JsonNode result = clients.run(library, chain);
        assertThat(result.path("status").asInt())
                .as("%s gives %s", chain, result)
                .isEqualTo(status);
        assertThat(result.path("error").path("code").asString(""))
                .as("%s gives %s", chain, result)
                .isEqualTo(code);
    }

    private static JsonNode json(String text) {
        return JsonMapper.shared().readTree(text.replace('\'', '"'));
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q1_selectsColumnsAliasesCastsAndJson(String library) {
        gives(
                library,
                "[['from','tags'],['select'],['order','id']]",
                "[{'id':1,'name':'indoor'},{'id':2,'name':'outdoor'},{'id':3,'name':'unused'}]");
        gives(
                library,
                "[['from','sites'],['select','id, title:name, rating::text, \\\"odd col\\\", data->a->>b, first:labels->0, mood'],['eq','id',1]]",
                "[{'id':1,'title':'North','rating':'4.5','odd col':'o1','b':'1','first':'red','mood':'calm'}]");
        gives(
                library,
                "[['from','people'],['select','id,full_name'],['eq','full_name','Ada Lovelace']]",
                "[{'id':1,'full_name':'Ada Lovelace'}]");
        gives(
                library,
                "[['from','busy_sites'],['select','name'],['order','name',{'ascending':false}]]",
                "[{'name':'South'},{'name':'East'}]");
        gives(library, "[['schema','personal'],['from','diary'],['select']]", "[{'id':1,'entry':'dear diary'}]");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q2_embedsByForeignKeysInEveryDirection(String library) {
        gives(
                library,
                "[['from','cities'],['select','name,country:countries(name)'],['eq','id',1]]",
                "[{'name':'Paris','country':{'name':'France'}}]");
        gives(
                library,
                "[['from','countries'],['select','name,cities(name)'],['order','id'],['order','name',{'referencedTable':'cities','ascending':false}]]",
                "[{'name':'France','cities':[{'name':'Paris'},{'name':'Lyon'}]},{'name':'Japan','cities':[{'name':'Kyoto'}]},{'name':'Chile','cities':[{'name':'Ghost'}]}]");
        gives(
                library,
                "[['from','sites'],['select','id,tags(name)'],['lte','id',2],['order','id'],['order','name',{'referencedTable':'tags'}]]",
                "[{'id':1,'tags':[{'name':'indoor'},{'name':'outdoor'}]},{'id':2,'tags':[{'name':'outdoor'}]}]");
        gives(
                library,
                "[['from','people'],['select','first_name,passports(number)'],['order','id']]",
                "[{'first_name':'Ada','passports':{'number':'P1'}},{'first_name':'Alan','passports':{'number':'P2'}},{'first_name':'Grace','passports':null}]");
        gives(
                library,
                "[['from','sites'],['select','id,cities!inner(name,countries!inner(code))'],['eq','cities.countries.code','FR'],['order','id']]",
                "[{'id':1,'cities':{'name':'Paris','countries':{'code':'FR'}}},{'id':2,'cities':{'name':'Paris','countries':{'code':'FR'}}},{'id':3,'cities':{'name':'Lyon','countries':{'code':'FR'}}}]");
        gives(
                library,
                "[['from','sites'],['select','id,cities(name)'],['eq','cities.name','Lyon'],['lte','id',3],['order','id']]",
                "[{'id':1,'cities':null},{'id':2,'cities':null},{'id':3,'cities':{'name':'Lyon'}}]");
        gives(
                library,
                "[['from','sites'],['select','id,readings!inner(value)'],['gt','readings.value',2],['order','id'],['order','value',{'referencedTable':'readings'}]]",
                "[{'id':1,'readings':[{'value':2.5},{'value':3.5}]},{'id':2,'readings':[{'value':10}]}]");
        gives(
                library,
                "[['from','orders'],['select','id,buyer:people!orders_buyer_fkey(first_name),seller:people!seller_id(first_name)'],['eq','id',1]]",
                "[{'id':1,'buyer':{'first_name':'Ada'},'seller':{'first_name':'Alan'}}]");
        gives(
                library,
                "[['from','orders'],['select','id,buyer_id(last_name)'],['eq','id',2]]",
                "[{'id':2,'buyer_id':{'last_name':'Turing'}}]");
        gives(
                library,
                "[['from','shipments'],['select','id,order_lines(amount,products(title),orders(total))'],['order','id']]",
                "[{'id':1,'order_lines':{'amount':3,'products':{'title':'Pen'},'orders':{'total':10.5}}},{'id':2,'order_lines':{'amount':2,'products':{'title':'Ink'},'orders':{'total':10.5}}}]");
        gives(
                library,
                "[['from','employees'],['select','name,boss:boss_id(name)'],['order','id']]",
                "[{'name':'Chief','boss':null},{'name':'Second','boss':{'name':'Chief'}},{'name':'Third','boss':{'name':'Chief'}}]");
        gives(
                library,
                "[['from','cities'],['select','name,...countries(country:name,code)'],['eq','id',3]]",
                "[{'name':'Kyoto','country':'Japan','code':'JP'}]");
        gives(
                library,
                "[['from','countries'],['select','name,...cities(cities:name)'],['eq','id',1],['order','name',{'referencedTable':'cities'}]]",
                "[{'name':'France','cities':['Lyon','Paris']}]");
        gives(
                library,
                "[['from','sites'],['select','id,readings(count)'],['lte','id',3],['order','id']]",
                "[{'id':1,'readings':[{'count':3}]},{'id':2,'readings':[{'count':1}]},{'id':3,'readings':[{'count':0}]}]");
        gives(
                library,
                "[['from','sites'],['select','id,tags()'],['not','tags','is',null],['order','id']]",
                "[{'id':1},{'id':2}]");
        gives(
                library,
                "[['from','sites'],['select','id,cities(name)'],['is','cities',null]]",
                "[{'id':5,'cities':null}]");
        gives(
                library,
                "[['from','sites'],['select','id,cities(name)'],['or','cities.is.null,id.eq.4'],['order','id']]",
                "[{'id':4,'cities':{'name':'Kyoto'}},{'id':5,'cities':null}]");
        gives(
                library,
                "[['from','cities'],['select','name,countries(code)'],['order','countries(code)',{'ascending':false}],['order','name']]",
                "[{'name':'Kyoto','countries':{'code':'JP'}},{'name':'Lyon','countries':{'code':'FR'}},{'name':'Paris','countries':{'code':'FR'}},{'name':'Ghost','countries':{'code':'CL'}}]");
        gives(
                library,
                "[['from','sites'],['select','id,readings(value)'],['eq','id',1],['order','value',{'referencedTable':'readings','ascending':false}],['limit',1,{'referencedTable':'readings'}]]",
                "[{'id':1,'readings':[{'value':3.5}]}]");
        gives(
                library,
                "[['from','sites'],['select','id,readings(value)'],['eq','id',1],['order','value',{'referencedTable':'readings'}],['range',1,1,{'referencedTable':'readings'}]]",
                "[{'id':1,'readings':[{'value':2.5}]}]");
        gives(
                library,
                "[['from','sites'],['select','id,readings(value)'],['eq','id',1],['or','value.eq.1.5,value.eq.3.5',{'referencedTable':'readings'}],['order','value',{'referencedTable':'readings'}]]",
                "[{'id':1,'readings':[{'value':1.5},{'value':3.5}]}]");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q22_viewsHaveTheForeignKeysOfTheirTables(String library) {
        gives(
                library,
                "[['from','busy_sites'],['select','name,cities(name)'],['order','id']]",
                "[{'name':'South','cities':{'name':'Paris'}},{'name':'East','cities':{'name':'Lyon'}}]");
        gives(
                library,
                "[['from','cities'],['select','name,busy_sites(name)'],['eq','id',1]]",
                "[{'name':'Paris','busy_sites':[{'name':'South'}]}]");
        gives(
                library,
                "[['from','busy_sites'],['select','id,tags(name),readings(value)'],['eq','id',2]]",
                "[{'id':2,'tags':[{'name':'outdoor'}],'readings':[{'value':10}]}]");
        gives(
                library,
                "[['from','renamed'],['select','label,town:cities(name)'],['eq','label','East']]",
                "[{'label':'East','town':{'name':'Lyon'}}]");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q3_filtersWithEveryOperator(String library) {
        String[][] filters = {
            {"['eq','name','North']", "1"},
            {"['neq','mood','calm']", "2,3,4"},
            {"['gt','rating',3]", "1,4"},
            {"['gte','rating',3]", "1,2,4"},
            {"['lt','rating',3]", "5"},
            {"['lte','opened','2021-06-01']", "1,2"},
            {"['like','name','%o%th']", "1,2"},
            {"['ilike','name','%NO%']", "1,5"},
            {"['likeAllOf','name',['%o%','%r%']]", "1,5"},
            {"['likeAnyOf','name',['%st','So%']]", "2,3"},
            {"['ilikeAllOf','name',['%O%','%T%']]", "1,2"},
            {"['ilikeAnyOf','name',['nor%','nowh%']]", "1,5"},
            {"['regexMatch','name','^N']", "1,5"},
            {"['regexIMatch','name','^n']", "1,5"},
            {"['is','active',null]", "3"},
            {"['is','active',true]", "1,4"},
            {"['is','active',false]", "2,5"},
            {"['isDistinct','active',true]", "2,3,5"},
            {"['in','id',[1,3,99]]", "1,3"},
            {"['in','name',['North','West, x']]", "1"},
            {"['in','id',[]]", ""},
            {"['notIn','id',[1,2]]", "3,4,5"},
            {"['contains','labels',['blue']]", "1,2"},
            {"['containedBy','labels',['blue','red','x']]", "1,2,3"},
            {"['overlaps','labels',['green','red']]", "1,4"},
            {"['contains','data',{'k':'v'}]", "1"},
            {"['contains','open_hours','[9,10)']", "1,2,4"},
            {"['containedBy','open_hours','[7,19)']", "1,2"},
            {"['rangeGt','open_hours','[0,8)']", "1,2"},
            {"['rangeGte','open_hours','[8,9)']", "1,2"},
            {"['rangeLt','open_hours','[18,20)']", "1,2"},
            {"['rangeLte','open_hours','[0,18)']", "1,2"},
            {"['rangeAdjacent','open_hours','[18,20)']", "1"},
            {"['overlaps','open_hours','[12,13)']", "1,4"},
            {"['textSearch','search','cat & fat']", "1"},
            {"['textSearch','search','fat cat',{'type':'plain','config':'simple'}]", "1"},
            {"['textSearch','search','fat cat',{'type':'phrase','config':'simple'}]", "1"},
            {"['textSearch','search','cat or rat',{'type':'websearch','config':'simple'}]", "1,3,4"},
            {"['textSearch','name','north',{'config':'english'}]", "1"},
            {"['match',{'mood':'busy','active':false}]", "2"},
            {"['not','active','is',null]", "1,2,4,5"},
            {"['not','id','in','(1,2)']", "3,4,5"},
            {"['or','id.eq.1,and(mood.eq.busy,active.is.null)']", "1,3"},
            {"['or','name.eq.\\\"North\\\",not.and(id.gt.1,id.lt.9)']", "1"},
            {"['filter','name','in','(\\\"North\\\",\\\"East\\\")']", "1,3"},
            {"['filter','data->a->>b','eq','2']", "2"},
            {"['eq','data->>k','w']", "2"},
            {"['eq','odd col','o4']", "4"},
        };
        for (String[] filter : filters) {
            String chain = "[['from','sites'],['select','id']," + filter[0] + ",['order','id']]";
            JsonNode result = clients.run(library, chain);
            String ids = String.join(
                    ",",
                    result.path("data")
                            .valueStream()
                            .map(row -> row.path("id").asString())
                            .toList());
            assertThat(ids).as("%s gives %s", chain, result).isEqualTo(filter[1]);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q4_ordersLimitsCountsAndForms(String library) {
        gives(
                library,
                "[['from','sites'],['select','id'],['order','rating',{'ascending':false,'nullsFirst':true}],['order','id']]",
                "[{'id':3},{'id':4},{'id':1},{'id':2},{'id':5}]");
        gives(library, "[['from','sites'],['select','id'],['order','id'],['limit',2]]", "[{'id':1},{'id':2}]");
        gives(library, "[['from','sites'],['select','id'],['order','id'],['range',1,2]]", "[{'id':2},{'id':3}]");
        gives(library, "[['from','tags'],['select'],['eq','id',1],['single']]", "{'id':1,'name':'indoor'}");
        gives(library, "[['from','tags'],['select'],['eq','id',99],['maybeSingle']]", "null");
        fails(library, "[['from','tags'],['select'],['single']]", 406, "PGRST116");
        fails(library, "[['from','tags'],['select'],['maybeSingle']]", 406, "PGRST116");
        JsonNode counted =
                clients.run(library, "[['from','sites'],['select','id',{'count':'exact'}],['order','id'],['limit',2]]");
        assertThat(counted.path("count").asInt()).isEqualTo(5);
        assertThat(counted.path("status").asInt()).isEqualTo(206);
        assertThat(clients.run(library, "[['from','sites'],['select','*',{'count':'estimated','head':true}]]")
                        .path("count")
                        .asInt())
                .isEqualTo(5);
        assertThat(clients.run(library, "[['from','sites'],['select','*',{'count':'planned'}]]")
                        .path("count")
                        .asInt())
                .isPositive();
        assertThat(clients.run(
                                library,
                                "[['from','sites'],['select','id,cities!inner(id)',{'count':'exact','head':true}],['eq','cities.id',1]]")
                        .path("count")
                        .asInt())
                .isEqualTo(2);
        fails(library, "[['from','tags'],['select','*',{'count':'exact'}],['range',50,60]]", 416, "PGRST103");
        assertThat(clients.run(library, "[['from','tags'],['select'],['order','id'],['csv']]")
                        .path("data")
                        .asString())
                .isEqualTo("id,name\n1,indoor\n2,outdoor\n3,unused");
        assertThat(clients.run(library, "[['from','sites'],['select','name,active'],['eq','id',4],['csv']]")
                        .path("data")
                        .asString())
                .isEqualTo("name,active\n\"West, \"\"the\"\" (best)\",t");
        gives(library, "[['from','sites'],['select','id,active,data'],['eq','id',3],['stripNulls']]", "[{'id':3}]");
        JsonNode plan =
                clients.run(library, "[['from','sites'],['select'],['explain',{'format':'json','analyze':true}]]");
        assertThat(plan.path("data").get(0).path("Plan").path("Actual Rows").asInt())
                .isEqualTo(1);
        fails(library, "[['from','sites'],['select'],['geojson']]", 404, "42883");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q5_aggregatesWithGroups(String library) {
        gives(
                library,
                "[['from','readings'],['select','site_id,value.sum(),n:value.count()'],['order','site_id']]",
                "[{'site_id':1,'sum':7.5,'n':3},{'site_id':2,'sum':10,'n':1},{'site_id':4,'sum':null,'n':0}]");
        gives(
                library,
                "[['from','readings'],['select','count(),value.avg()::int,value.min(),value.max()']]",
                "[{'count':5,'avg':4,'min':1.5,'max':10}]");
        gives(
                library,
                "[['from','sites'],['select','id,readings(value.sum())'],['lte','id',2],['order','id']]",
                "[{'id':1,'readings':[{'sum':7.5}]},{'id':2,'readings':[{'sum':10}]}]");
        gives(
                library,
                "[['from','orders'],['select','placed,total.sum(),buyer:people!buyer_id(first_name)'],['order','placed'],['eq','placed','2026-01-01']]",
                "[{'placed':'2026-01-01','sum':10.5,'buyer':{'first_name':'Ada'}}]");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q6_insertsUpsertsUpdatesAndDeletes(String library) {
        String table = "defaults";
        clients.run(library, "[['from','defaults'],['delete'],['gt','id',0]]");
        assertThat(clients.run(library, "[['from','" + table + "'],['insert',{'id':1,'a':1}]]")
                        .path("status")
                        .asInt())
                .isEqualTo(201);
        gives(
                library,
                "[['from','defaults'],['insert',{'id':2,'b':'x'}],['select']]",
                "[{'id':2,'a':7,'b':'x','c':null,'d':14}]");
        gives(
                library,
                "[['from','defaults'],['insert',[{'id':3,'a':3},{'id':4,'b':'four'}]],['select','id,a,b'],['order','id']]",
                "[{'id':3,'a':3,'b':null},{'id':4,'a':null,'b':'four'}]");
        gives(
                library,
                "[['from','defaults'],['insert',[{'id':5,'a':5},{'id':6,'b':'six'}],{'defaultToNull':false}],['select','id,a,b'],['order','id']]",
                "[{'id':5,'a':5,'b':'none'},{'id':6,'a':7,'b':'six'}]");
        gives(library, "[['from','defaults'],['insert',{'id':7}],['select','id'],['single']]", "{'id':7}");
        fails(library, "[['from','defaults'],['insert',{'id':1}]]", 409, "23505");
        fails(library, "[['from','defaults'],['insert',{'nope':1}]]", 400, "PGRST204");
        gives(library, "[['from','defaults'],['upsert',{'id':1,'a':100}],['select','id,a']]", "[{'id':1,'a':100}]");
        gives(
                library,
                "[['from','defaults'],['upsert',[{'id':1,'a':200},{'id':8,'a':8}],{'ignoreDuplicates':true,'onConflict':'id'}],['select','id,a']]",
                "[{'id':8,'a':8}]");
        gives(
                library,
                "[['from','tags'],['upsert',{'id':1,'name':'indoor'},{'onConflict':'name'}],['select']]",
                "[{'id':1,'name':'indoor'}]");
        JsonNode updated =
                clients.run(library, "[['from','defaults'],['update',{'c':'z'},{'count':'exact'}],['in','id',[3,4]]]");
        assertThat(updated.path("status").asInt()).isEqualTo(204);
        assertThat(updated.path("count").asInt()).isEqualTo(2);
        gives(
                library,
                "[['from','defaults'],['update',{'c':'y'}],['eq','id',3],['select','id,c']]",
                "[{'id':3,'c':'y'}]");
        gives(library, "[['from','defaults'],['update',{}],['eq','id',3],['select','id,c']]", "[]");
        fails(library, "[['from','defaults'],['update',{'c':'all'}],['gt','id',0],['maxAffected',2]]", 400, "PGRST124");
        fails(
                library,
                "[['from','defaults'],['update',{'c':'all'}],['gt','id',0],['select'],['single']]",
                406,
                "PGRST116");
        gives(library, "[['from','defaults'],['select','id'],['eq','c','all']]", "[]");
        gives(library, "[['from','defaults'],['delete'],['eq','id',3],['select','id']]", "[{'id':3}]");
        gives(library, "[['from','defaults'],['delete'],['eq','id',4],['select','id'],['rollback']]", "[{'id':4}]");
        gives(library, "[['from','defaults'],['select','id'],['in','id',[3,4]]]", "[{'id':4}]");
        gives(
                library,
                "[['from','cities'],['update',{'population':1}],['eq','id',4],['select','name,countries(name)']]",
                "[{'name':'Ghost','countries':{'name':'Chile'}}]");
        fails(library, "[['from','cities'],['insert',{'id':9,'name':'x','country_id':99}]]", 409, "23503");
        fails(library, "[['from','cities'],['insert',{'id':9,'country_id':1}]]", 400, "23502");
        fails(library, "[['from','cities'],['insert',{'id':'abc','name':'x','country_id':1}]]", 400, "22P02");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q7_callsFunctions(String library) {
        gives(library, "[['rpc','add',{'a':1,'b':2}]]", "3");
        gives(library, "[['rpc','add',{'a':1}]]", "11");
        gives(library, "[['rpc','add',{'a':1,'b':2},{'get':true}]]", "3");
        gives(library, "[['rpc','echo',{'any':[1,2]}]]", "{'any':[1,2]}");
        gives(library, "[['rpc','ids',{'ids':[1,2]},{'get':true}]]", "[1,2]");
        gives(library, "[['rpc','ids',{'ids':[3,4]}]]", "[3,4]");
        gives(library, "[['rpc','words',{'list':['a','b']}]]", "'a-b'");
        gives(
                library,
                "[['rpc','person',{'wanted':2}]]",
                "{'id':2,'first_name':'Alan','last_name':'Turing','born':'1912-06-23'}");
        gives(library, "[['rpc','pairs',{'n':2}]]", "[{'x':1,'y':'n1'},{'x':2,'y':'n2'}]");
        gives(
                library,
                "[['rpc','pairs',{'n':9}],['select','x'],['gt','x',2],['order','x',{'ascending':false}],['limit',2]]",
                "[{'x':9},{'x':8}]");
        gives(
                library,
                "[['rpc','sites_of',{'city':'Paris'}],['select','name,cities(name)'],['eq','id',2]]",
                "[{'name':'South','cities':{'name':'Paris'}}]");
        assertThat(clients.run(library, "[['rpc','sites_of',{'city':'Paris'},{'count':'exact'}],['limit',1]]")
                        .path("count")
                        .asInt())
                .isEqualTo(2);
        assertThat(clients.run(library, "[['rpc','sites_of',{'city':'Paris'},{'head':true,'count':'exact'}]]")
                        .path("count")
                        .asInt())
                .isEqualTo(2);
        assertThat(clients.run(library, "[['rpc','nothing']]").path("status").asInt())
                .isEqualTo(204);
        gives(
                library,
                "[['rpc','add_tag',{'id':77,'name':'new'}],['select','name'],['single'],['rollback']]",
                "{'name':'new'}");
        fails(library, "[['rpc','add_tag',{'id':78,'name':'x'},{'get':true}]]", 405, "25006");
        fails(library, "[['rpc','nope',{'a':1}]]", 404, "PGRST202");
        fails(library, "[['rpc','same',{'a':1}]]", 300, "PGRST203");
        fails(library, "[['rpc','fail',{'state':'P0001','message':'no'}]]", 400, "P0001");
        fails(library, "[['rpc','fail',{'state':'PT409','message':'taken'}]]", 409, "PT409");
        JsonNode teapot = clients.run(library, "[['rpc','teapot']]");
        assertThat(teapot.path("status").asInt()).isEqualTo(418);
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q8_errorsNameWhatIsWrongAndHintAtWhatWasMeant(String library) {
        JsonNode misspelt = clients.run(library, "[['from','site'],['select']]");
        assertThat(misspelt.path("status").asInt()).isEqualTo(404);
        assertThat(misspelt.path("error").path("message").asString())
                .isEqualTo("Could not find the table 'public.site' in the schema cache");
        assertThat(misspelt.path("error").path("hint").asString())
                .isEqualTo("Perhaps you meant the table 'public.sites'");
        JsonNode column = clients.run(library, "[['from','sites'],['select','nane']]");
        assertThat(column.path("error").path("code").asString()).isEqualTo("42703");
        assertThat(column.path("error").path("message").asString()).isEqualTo("column sites.nane does not exist");
        assertThat(column.path("error").path("hint").asString())
                .isEqualTo("Perhaps you meant to reference the column \"sites.name\".");
        fails(library, "[['from','sites'],['select','id,people2(id)']]", 400, "PGRST200");
        JsonNode ambiguous = clients.run(library, "[['from','orders'],['select','id,people(id)']]");
        assertThat(ambiguous.path("error").path("code").asString()).isEqualTo("PGRST201");
        assertThat(ambiguous.path("error").path("details").size()).isEqualTo(2);
        assertThat(ambiguous.path("error").path("hint").asString())
                .contains("'people!orders_buyer_fkey', 'people!orders_seller_fkey'");
        fails(library, "[['from','sites'],['select','id'],['eq','cities.name','x']]", 400, "PGRST108");
        fails(library, "[['from','sites'],['select','id'],['filter','id','foo','1']]", 400, "PGRST100");
        fails(library, "[['from','sites'],['select','id('],['eq','id',1]]", 400, "PGRST100");
        fails(library, "[['from','sites'],['select','id::nosuchtype']]", 400, "42704");
        fails(library, "[['from','sites'],['select'],['eq','id','x']]", 400, "22P02");
        fails(library, "[['schema','nope'],['from','diary'],['select']]", 406, "PGRST106");
        fails(library, "[['from','secrets'],['select']]", 401, "42501");
        fails(library, "[['from','sites'],['select'],['order','readings(value)']]", 400, "PGRST108");
        fails(
                library,
                "[['from','sites'],['select','id,readings(value)'],['order','readings(value)']]",
                400,
                "PGRST118");
    }

    @ParameterizedTest
    @ValueSource(strings = {SUPABASE, FORMER, POSTGREST})
    void Q9_everythingRunsUnderTheTokensPolicies(String library) {
        UUID one = UUID.fromString("00000000-0000-4000-8000-000000000001");
        String client = library + "-user";
        clients.connect(client, library, server, server.userToken(one), null);

        gives(client, "[['from','notes'],['select','id,body']]", "[{'id':1,'body':'mine'}]");
        gives(client, "[['from','notes'],['update',{'body':'mine'}],['gt','id',0],['select','id']]", "[{'id':1}]");
        fails(
                client,
                "[['from','notes'],['insert',{'id':9,'owner':'00000000-0000-4000-8000-000000000002','body':'forged'}]]",
                403,
                "42501");
        JsonNode claims = clients.run(client, "[['rpc','claims']]").path("data");
        assertThat(claims.path("role").asString()).isEqualTo("authenticated");
        assertThat(claims.path("uid").asString()).isEqualTo(one.toString());
        assertThat(claims.path("claims").path("sub").asString()).isEqualTo(one.toString());
        assertThat(claims.path("method").asString()).isEqualTo("POST");
        assertThat(claims.path("path").asString()).isEqualTo("/rpc/claims");
    }
}
