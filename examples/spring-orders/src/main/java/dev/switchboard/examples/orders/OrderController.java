package dev.switchboard.examples.orders;

import dev.switchboard.spring.SwitchboardServer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What the page asks for. Whoever opens it is a customer; an application of one's own would ask who. */
@RestController
public class OrderController {
    private static final Duration TOKEN_LIFE = Duration.ofHours(1);

    private final JdbcClient jdbc;
    private final SwitchboardServer switchboard;

    public OrderController(JdbcClient jdbc, SwitchboardServer switchboard) {
        this.jdbc = jdbc;
        this.switchboard = switchboard;
    }

    /** Where changes come from, and a token to see one's own with. */
    @GetMapping("/connection")
    public Map<String, String> connection(@RequestParam UUID customer) {
        String token = switchboard.running()
                .orElseThrow()
                .tokens()
                .issue("authenticated", Map.of("sub", customer.toString()), Instant.now(), TOKEN_LIFE);
        return Map.of("url", switchboard.url(), "token", token);
    }

    @GetMapping("/orders")
    public List<Order> orders(@RequestParam UUID customer) {
        return jdbc.sql("select id, customer, item, state, created_at from orders where customer = ? order by id")
                .param(customer)
                .query(Order.class)
                .list();
    }

    @PostMapping("/orders")
    public Map<String, Long> order(@RequestParam UUID customer, @RequestParam String item) {
        return Map.of(
                "id",
                jdbc.sql("insert into orders (customer, item) values (?, ?) returning id")
                        .params(customer, item)
                        .query(Long.class)
                        .single());
    }

    @PostMapping("/orders/{id}/pay")
    public void pay(@PathVariable long id) {
        jdbc.sql("update orders set state = 'paid' where id = ?").param(id).update();
    }
}
