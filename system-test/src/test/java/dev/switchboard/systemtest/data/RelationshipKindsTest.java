package dev.switchboard.systemtest.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.systemtest.harness.DataSchema;
import dev.switchboard.systemtest.harness.Http;
import dev.switchboard.systemtest.harness.TestServer;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What belongs together without a plain foreign key between two tables that are shown. */
class RelationshipKindsTest {
    private static TestServer server;
    private static Http http;

    @BeforeAll
    static void start() throws SQLException {
        server = TestServer.with().data(DataSchema.settings("public")).start();
        DataSchema.createKinds(server.database());
        http = new Http(server);
    }

    @AfterAll
    static void stop() {
        http.close();
        server.close();
    }

    private static Http.Answer ask(String table, String... parameters) {
        var query = new StringBuilder();
        for (String parameter : parameters) {
            String[] sides = parameter.split("=", 2);
            query.append(query.isEmpty() ? "?" : "&")
                    .append(URLEncoder.encode(sides[0], StandardCharsets.UTF_8))
                    .append('=')
                    .append(URLEncoder.encode(sides[1], StandardCharsets.UTF_8));
        }
        return http.get("/rest/v1/" + table + query);
    }

    private static void gives(String expected, String table, String... parameters) {
        Http.Answer answer = ask(table, parameters);
        assertThat(answer.body().replaceAll("\\s", "")).as(answer.body()).isEqualTo(expected);
    }

    @Test
    void KF10_theNameOfATableThatRefersToItselfGivesItsChildren() {
        gives(
                "[{\"id\":1,\"node\":[{\"id\":2},{\"id\":3}]},{\"id\":2,\"node\":[{\"id\":4}]}]",
                "node",
                "select=id,node!node_parent(id)",
                "id=in.(1,2)",
                "order=id",
                "node.order=id");
        gives(
                "[{\"id\":1,\"children\":[{\"id\":2},{\"id\":3}]},{\"id\":4,\"children\":[]}]",
                "node",
                "select=id,children:node!parent_id(id)",
                "id=in.(1,4)",
                "order=id",
                "children.order=id");
        gives(
                "[{\"id\":1,\"parent_id\":null},{\"id\":4,\"parent_id\":{\"id\":2}}]",
                "node",
                "select=id,parent_id(id)",
                "id=in.(1,4)",
                "order=id");
        gives(
                "[{\"id\":4,\"up\":{\"id\":2,\"up\":{\"id\":1}}}]",
                "node",
                "select=id,up:node_parent(id,up:parent_id(id))",
                "id=eq.4");
        // of two keys neither is meant more than the other
        Http.Answer two = ask("node", "select=id,node(id)");
        assertThat(two.status()).isEqualTo(300);
        assertThat(two.json().path("details").size()).isEqualTo(2);
        // one to one: its other side is an object as well
        gives(
                "[{\"id\":2,\"twin_id\":{\"id\":3},\"node\":null},{\"id\":3,\"twin_id\":null,\"node\":{\"id\":2}}]",
                "node",
                "select=id,twin_id(id),node!twin_id(id)",
                "id=in.(2,3)",
                "order=id");
    }

    @Test
    void KF10_oneKeyAloneNeedsNoHintAlsoThroughAView() {
        server.database().useHandle(handle -> {
            handle.execute("create table public.chain (id int primary key, next_id int references public.chain)");
            handle.execute("insert into public.chain values (1, null), (2, 1)");
            handle.execute("grant select on public.chain to anon");
        });
        gives(
                "[{\"id\":1,\"chain\":[{\"id\":2}]},{\"id\":2,\"chain\":[]}]",
                "chain",
                "select=id,chain(id)",
                "order=id");
        gives("[{\"id\":2,\"twig\":[{\"label\":\"leaf\"}]}]", "twig", "select=id,twig!node_parent(label)", "id=eq.2");
        gives(
                "[{\"id\":2,\"node\":[{\"id\":3},{\"id\":4}]}]",
                "node",
                "select=id,node!friendship_other(id)",
                "id=eq.2",
                "node.order=id");
        gives("[{\"id\":3,\"node\":[{\"id\":2}]}]", "node", "select=id,node!friendship_one(id)", "id=eq.3");
    }

    @Test
    void KF11_functionsOfARowAreRelationships() {
        gives(
                "[{\"id\":1,\"owner\":{\"name\":\"Acme\"}},{\"id\":5,\"owner\":null}]",
                "task",
                "select=id,owner(name)",
                "id=in.(1,5)",
                "order=id");
        gives("[{\"id\":1,\"others\":[{\"id\":2}]}]", "task", "select=id,others:colleagues(id)", "id=eq.1");
        gives(
                "[{\"id\":4,\"owner\":{\"name\":\"Zeta\"}}]",
                "task",
                "select=id,owner!inner(name)",
                "owner.name=eq.Zeta");
        gives("[{\"id\":5}]", "task", "select=id,owner()", "owner=is.null");
        gives(
                "[{\"id\":4},{\"id\":1},{\"id\":2},{\"id\":3}]",
                "task",
                "select=id,owner!inner()",
                "order=owner(name).desc,id");
        // one row without "setof" is one as well, and embeds further
        gives(
                "[{\"id\":1,\"first_task\":{\"id\":1,\"owner\":{\"id\":1}}}]",
                "project",
                "select=id,first_task(id,owner(id))",
                "id=eq.1");
        gives("[{\"id\":4,\"ancestors\":[{\"id\":2},{\"id\":1}]}]", "node", "select=id,ancestors(id)", "id=eq.4");
        gives("[{\"id\":2,\"leaves\":[{\"label\":\"leaf\"}]}]", "twig", "select=id,leaves(label)", "id=eq.2");
        gives("[{\"id\":1,\"colleagues\":[{\"count\":1}]}]", "task", "select=id,colleagues(count)", "id=eq.1");
        gives("[{\"id\":1,\"name\":\"Acme\"}]", "task", "select=id,...owner(name)", "id=eq.1");
        assertThat(ask("task", "select=id,ownre(name)").code()).isEqualTo("PGRST200");
    }

    @Test
    void KF11_aFunctionStandsBeforeTheForeignKeyOfItsName() {
        gives("[{\"id\":1,\"client\":{\"name\":\"ACME\"}}]", "project", "select=id,client(name)", "id=eq.1");
        // the key is still there by its column
        gives("[{\"id\":1,\"client_id\":{\"name\":\"Acme\"}}]", "project", "select=id,client_id(name)", "id=eq.1");
        // other tables have no such function
        gives("[{\"id\":1,\"project\":[{\"id\":1},{\"id\":2}]}]", "client", "select=id,project(id)", "id=eq.1");
    }

    @Test
    void KF11_rowsThatAStatementOrAFunctionGaveHaveThemToo() {
        Http.Answer written = http.send(
                "PATCH",
                "/rest/v1/task?id=eq.1&select=name,owner(name)",
                "{\"hours\":4}",
                "Content-Type",
                "application/json",
                "Prefer",
                "return=representation, tx=rollback");
        assertThat(written.body()).isEqualTo("[{\"name\":\"tile\",\"owner\":{\"name\":\"Acme\"}}]");
        Http.Answer inserted = http.post(
                "/rest/v1/task?select=id,colleagues(id)",
                "{\"id\":9,\"name\":\"new\",\"hours\":1,\"project_id\":3}",
                "Content-Type",
                "application/json",
                "Prefer",
                "return=representation, tx=rollback");
        assertThat(inserted.body()).isEqualTo("[{\"id\":9,\"colleagues\":[{\"id\":4}]}]");
        server.database().useHandle(handle -> {
            handle.execute("create function public.tasks_of(wanted int) returns setof public.task language sql as"
                    + " 'select * from public.task where project_id = wanted order by id'");
            handle.execute("grant execute on function public.tasks_of to anon");
        });
        assertThat(http.post(
                                "/rest/v1/rpc/tasks_of?select=id,owner(name)",
                                "{\"wanted\":3}",
                                "Content-Type",
                                "application/json")
                        .body())
                .isEqualTo("[{\"id\":4,\"owner\":{\"name\":\"Zeta\"}}]");
    }

    @Test
    void KF11_whatAFunctionThatWritesGaveHasItsComputedColumns() {
        server.database().useHandle(handle -> {
            handle.execute("create function public.shout(public.client) returns text language sql immutable as"
                    + " 'select upper($1.name)'");
            handle.execute("create function public.all_clients() returns setof public.client language sql as"
                    + " 'select * from public.client order by id'");
            handle.execute("grant execute on all functions in schema public to anon");
        });
        assertThat(http.post(
                                "/rest/v1/rpc/all_clients?select=id,shout&shout=eq.ZETA",
                                "{}",
                                "Content-Type",
                                "application/json")
                        .body())
                .isEqualTo("[{\"id\":2,\"shout\":\"ZETA\"}]");
    }

    @Test
    void KF13_noNameOfAViewsColumnsMisleads() {
        server.database().useHandle(handle -> {
            handle.execute("create view public.odd as select id as \":resno\", title as \"{x} (y) \\z\","
                    + " author_id as \":resorigcol 7\" from priv.book");
            handle.execute("create view public.nothing_at_all as select from priv.book");
            handle.execute("grant select on public.odd to anon");
        });
        gives("[{\"author\":{\"name\":\"Bob\"}}]", "odd", "select=author(name)", "\":resno\"=eq.3");
    }

    @Test
    void KF18_noHintNamesWhatIsHiddenInAnEmbeddedTable() {
        server.database().useHandle(handle -> {
            handle.execute(
                    "create table public.secret_notes (id int, password text, client_id int references public.client)");
            handle.execute("revoke all on public.secret_notes from anon");
        });
        Http.Answer refused = ask("client", "select=id,secret_notes(pasword)");
        assertThat(refused.status()).isEqualTo(401);
        assertThat(refused.body()).contains("permission denied").doesNotContain("password");
    }

    @Test
    void KF12_anAliasedResourceIsAlsoAddressedByItsTable() {
        gives(
                "[{\"id\":1,\"the_tasks\":[{\"name\":\"nail\"},{\"name\":\"tile\"}]}]",
                "project",
                "select=id,the_tasks:task(name)",
                "task.order=name",
                "id=eq.1");
        gives(
                "[{\"id\":1,\"the_tasks\":[{\"name\":\"tile\"}]}]",
                "project",
                "select=id,the_tasks:task(name)",
                "task.name=eq.tile",
                "id=eq.1");
        gives(
                "[{\"id\":1,\"the_tasks\":[{\"name\":\"nail\"}]}]",
                "project",
                "select=id,the_tasks:task(name)",
                "task.limit=1",
                "task.offset=1",
                "the_tasks.order=id",
                "id=eq.1");
        gives("[{\"id\":4}]", "project", "select=id,the_tasks:task()", "task=is.null");
        gives(
                "[{\"id\":1},{\"id\":2},{\"id\":3}]",
                "project",
                "select=id,whose:client_id!inner()",
                "order=client_id(name),id");
        gives(
                "[{\"id\":1,\"ps\":[{\"ts\":[{\"id\":2}]},{\"ts\":[]}]}]",
                "client",
                "select=id,ps:project(ts:task(id))",
                "project.task.name=eq.nail",
                "project.order=id",
                "id=eq.1");
        // its own name comes first, and two of one table need theirs
        Http.Answer two = ask("project", "select=id,a:task(id),b:task(id)", "task.order=id");
        assertThat(two.code()).isEqualTo("PGRST108");
        gives(
                "[{\"a\":[{\"id\":1}],\"task\":[{\"id\":2}]}]",
                "project",
                "select=a:task(id),task(id)",
                "task.id=eq.2",
                "a.id=eq.1",
                "id=eq.1");
    }

    @Test
    void KF13_viewsOfTablesInSchemasThatAreNotShown() {
        gives("[{\"title\":\"Sums\",\"author\":{\"name\":\"Ada\"}}]", "book", "select=title,author(name)", "id=eq.1");
        gives(
                "[{\"name\":\"Ada\",\"book\":[{\"id\":1},{\"id\":2}]}]",
                "author",
                "select=name,book(id)",
                "id=eq.1",
                "book.order=id");
        gives(
                "[{\"heading\":\"Sums\",\"author\":{\"name\":\"Ada\"}}]",
                "short_book",
                "select=heading,author(name)",
                "key=eq.1");
        gives(
                "[{\"title\":\"Sums\",\"shelf\":[{\"place\":\"attic\"},{\"place\":\"hall\"}]}]",
                "book",
                "select=title,shelf(place)",
                "id=eq.1",
                "shelf.order=place");
        gives(
                "[{\"place\":\"hall\",\"short_book\":[{\"key\":1}]}]",
                "shelf",
                "select=place,short_book(key)",
                "id=eq.1");
        // what is not shown is not there by its own name
        assertThat(ask("book", "select=title,book_shelf(shelf_id)").code()).isEqualTo("PGRST200");
    }

    @Test
    void KF13_aJunctionThatOnlyAViewShowsIsUsedThroughIt() {
        server.database().useHandle(handle -> {
            handle.execute("create table priv.curates (author_id int references priv.author,"
                    + " shelf_id int references priv.shelf, primary key (author_id, shelf_id))");
            handle.execute("insert into priv.curates values (1, 2)");
            handle.execute("create view public.care as select shelf_id, author_id from priv.curates");
            handle.execute("grant select on public.care to anon");
        });
        gives("[{\"name\":\"Ada\",\"shelf\":[{\"id\":2}]}]", "author", "select=name,shelf!care(id)", "id=eq.1");
        gives("[{\"name\":\"Ada\",\"shelf\":[{\"id\":2}]}]", "author", "select=name,shelf(id)", "id=eq.1");
    }

    @Test
    void KF15_anEmptySelectIsEverythingAndWhatIsEmptyThroughoutIsNotShown() {
        gives("[{\"id\":1,\"name\":\"Acme\"}]", "client", "select=", "id=eq.1");
        gives("[{\"id\":1}]", "client", "select=id,project()", "id=eq.1");
        gives("[{\"id\":1}]", "client", "select=id,project(task())", "id=eq.1");
        gives("[{\"id\":1,\"project\":[{\"id\":1},{\"id\":2}]}]", "client", "select=id,project(id,task())", "id=eq.1");
        gives("[{\"id\":2}]", "client", "select=id,project!inner(task!inner())", "project.task.name=eq.paint");
    }

    @Test
    void KF15_anAggregateOfWhatIsSpreadIsOneOfTheWhole() {
        gives("[{\"sum\":18}]", "task", "select=hours.sum()", "project_id=not.is.null");
        gives(
                "[{\"project_id\":1,\"sum\":2},{\"project_id\":2,\"sum\":1},{\"project_id\":3,\"sum\":2}]",
                "task",
                "select=project_id,...project!inner(client_id.sum())",
                "order=project_id");
        gives("[{\"sum\":19,\"most\":\"Wall\"}]", "task", "select=hours.sum(),...project(most:name.max())");
        gives("[{\"name\":\"Acme\",\"count\":2}]", "project", "select=...client_id(name),count()", "client_id=eq.1");
        gives("[{\"max\":2}]", "task", "select=...project(...client_id(id.max()))");
        Http.Answer many = ask("client", "select=id,...project(id.sum())");
        assertThat(many.status()).isEqualTo(400);
        assertThat(many.code()).isEqualTo("PGRST127");
    }
}
