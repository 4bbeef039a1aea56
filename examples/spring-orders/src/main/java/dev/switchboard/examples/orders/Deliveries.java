package dev.switchboard.examples.orders;

import dev.switchboard.spring.ChangeListener;
import dev.switchboard.spring.RowChanged;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;

/** Notes every order that is paid: in order, once that is committed, and also what was paid while the application was down. */
@Component
public class Deliveries {
    private final JdbcClient jdbc;

    public Deliveries(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    @ChangeListener(name = "deliveries", table = "orders", filter = "state=eq.paid")
    public void deliver(RowChanged<Order> change) {
        jdbc.sql("insert into deliveries (position, order_id, state) values (?, ?, ?) on conflict do nothing")
                .params(change.position(), change.row().id(), change.row().state())
                .update();
    }
}
