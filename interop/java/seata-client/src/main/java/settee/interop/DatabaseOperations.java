package settee.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.mysql.cj.jdbc.MysqlDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.sql.DataSource;
import org.apache.seata.core.context.RootContext;
import org.apache.seata.core.model.BranchType;
import org.apache.seata.core.model.GlobalLockConfig;
import org.apache.seata.rm.GlobalLockExecutor;
import org.apache.seata.rm.GlobalLockTemplate;
import org.apache.seata.rm.datasource.DataSourceProxy;
import org.apache.seata.rm.datasource.xa.DataSourceProxyXA;
import org.apache.seata.tm.api.TransactionalExecutor;
import org.apache.seata.tm.api.TransactionalTemplate;
import org.apache.seata.tm.api.transaction.TransactionInfo;
import org.postgresql.ds.PGSimpleDataSource;

/** Statements on data sources that Seata has proxied. */
final class DatabaseOperations {
  private final Map<String, DataSource> sources = new ConcurrentHashMap<>();

  void addTo(Control control) {
    control.on("open", this::open);
    control.on("sql", request -> Map.of("counts", run(request)));
    control.on("template", this::runTemplate);
    control.on("globalLock", this::runGlobalLock);
  }

  /** Proxies a data source; mode XA, or AT by default. */
  private Object open(JsonNode request) throws SQLException {
    DataSource plain = plainSource(request);
    boolean isXa = "XA".equals(request.path("mode").asText());
    DataSource proxy = isXa ? new DataSourceProxyXA(plain) : new DataSourceProxy(plain);
    sources.put(keyOf(request), proxy);
    String resourceId =
        proxy instanceof DataSourceProxyXA xa
            ? xa.getResourceId()
            : ((DataSourceProxy) proxy).getResourceId();
    return Map.of("resourceId", resourceId);
  }

  private static String keyOf(JsonNode request) {
    return request.get("db").asText() + request.path("mode").asText("AT");
  }

  private static DataSource plainSource(JsonNode request) {
    String url = request.get("url").asText();
    String user = request.get("user").asText();
    String password = request.get("password").asText();
    if (url.startsWith("jdbc:mysql:")) {
      MysqlDataSource source = new MysqlDataSource();
      source.setUrl(url);
      source.setUser(user);
      source.setPassword(password);
      return source;
    }
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(url);
    source.setUser(user);
    source.setPassword(password);
    return source;
  }

  /** Runs the statements in one local transaction, or each alone when autoCommit is true. */
  private List<Integer> run(JsonNode request) throws Exception {
    boolean isXa = "XA".equals(request.path("mode").asText());
    // Opening an XA data source has made XA the default of the whole process.
    RootContext.bindBranchType(isXa ? BranchType.XA : BranchType.AT);
    List<Integer> counts = new ArrayList<>();
    try (Connection connection = sources.get(keyOf(request)).getConnection()) {
      boolean isAutoCommit = request.path("autoCommit").asBoolean(false);
      connection.setAutoCommit(isAutoCommit);
      try {
        for (JsonNode statement : request.get("statements")) {
          counts.add(runOne(connection, statement.asText()));
        }
        if (!isAutoCommit) connection.commit();
      } catch (Exception thrown) {
        if (!isAutoCommit) connection.rollback();
        throw thrown;
      }
    } finally {
      RootContext.unbindBranchType();
    }
    return counts;
  }

  private static int runOne(Connection connection, String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      boolean hasRows = statement.execute();
      return hasRows ? 0 : statement.getUpdateCount();
    }
  }

  /** As the annotation GlobalTransactional does; `fail` throws behind the statements. */
  private Object runTemplate(JsonNode request) throws Throwable {
    TransactionInfo info = new TransactionInfo();
    info.setName(request.path("name").asText("template"));
    info.setTimeOut(request.path("timeoutMs").asInt(60000));
    boolean mustFail = request.path("fail").asBoolean(false);
    List<String> xid = new ArrayList<>();
    TransactionalExecutor work =
        new TransactionalExecutor() {
          @Override
          public Object execute() throws Throwable {
            xid.add(RootContext.getXID());
            List<Integer> counts = run(request);
            if (mustFail) throw new WantedFailure();
            return counts;
          }

          @Override
          public TransactionInfo getTransactionInfo() {
            return info;
          }
        };
    try {
      new TransactionalTemplate().execute(work);
      return Map.of("xid", xid.get(0), "outcome", "Committed");
    } catch (TransactionalExecutor.ExecutionException thrown) {
      if (!(thrown.getOriginalException() instanceof WantedFailure)) throw thrown;
      return Map.of("xid", xid.get(0), "outcome", thrown.getCode().name());
    }
  }

  /** As the annotation GlobalLock does: outside of any transaction, but respecting the locks. */
  private Object runGlobalLock(JsonNode request) throws Throwable {
    GlobalLockConfig config = new GlobalLockConfig();
    config.setLockRetryInterval(request.path("retryIntervalMs").asInt(10));
    config.setLockRetryTimes(request.path("retryTimes").asInt(30));
    GlobalLockExecutor work =
        new GlobalLockExecutor() {
          @Override
          public Object execute() throws Throwable {
            return Map.of("counts", run(request));
          }

          @Override
          public GlobalLockConfig getGlobalLockConfig() {
            return config;
          }
        };
    return new GlobalLockTemplate().execute(work);
  }

  private static final class WantedFailure extends RuntimeException {}
}
